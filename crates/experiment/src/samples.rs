//! The choice of samples by class.

/// The first `per_class` samples of each class, or all, in the order of the data set.
pub(crate) fn first_of_each_class(labels: &[u32], per_class: Option<usize>) -> Vec<usize> {
    let mut seen = vec![0; labels.iter().max().map_or(0, |&most| most as usize + 1)];
    let chosen = labels.iter().enumerate().filter(|&(_, &label)| {
        seen[label as usize] += 1;
        per_class.is_none_or(|limit| seen[label as usize] <= limit)
    });
    chosen.map(|(index, _)| index).collect()
}

/// Takes the last `per_class` samples of each class out of `chosen` and returns them, in order.
pub(crate) fn hold_out(chosen: &mut Vec<usize>, labels: &[u32], per_class: usize) -> Vec<usize> {
    let mut left = vec![per_class; labels.iter().max().map_or(0, |&most| most as usize + 1)];
    let mut held_out = Vec::new();
    for position in (0..chosen.len()).rev() {
        let of_the_class = &mut left[labels[chosen[position]] as usize];
        if *of_the_class > 0 {
            *of_the_class -= 1;
            held_out.push(chosen.remove(position));
        }
    }
    held_out.reverse();
    held_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_by_hand() {
        let labels = [0, 1, 0, 0, 1, 1];
        assert_eq!(first_of_each_class(&labels, Some(2)), [0, 1, 2, 4]);
        let mut chosen = first_of_each_class(&labels, None);
        assert_eq!(hold_out(&mut chosen, &labels, 1), [3, 5]);
        assert_eq!(chosen, [0, 1, 2, 4]);
    }
}
