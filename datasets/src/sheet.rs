//! Contact sheets: the first samples of each class in one picture.

use crate::event::View;
use crate::{Dataset, Picture, Result, Sample};

/// The first `per_class` samples of the first `classes` classes, one row per class.
///
/// Images are as they are, recordings one frame of all events with ON in blue and OFF in orange;
/// a place without a sample is gray.
///
/// # Errors
/// If no sample can be read; samples that cannot be read are red.
pub fn contact_sheet(set: &dyn Dataset, per_class: usize, classes: usize) -> Result<Picture> {
    const NOTHING: [u8; 3] = [96; 3];
    const BROKEN: [u8; 3] = [200, 0, 0];
    let (classes, per_class) = (classes.min(set.info().classes.len()).max(1), per_class.max(1));
    let mut rows = vec![Vec::new(); classes];
    for (index, &label) in set.labels().iter().enumerate() {
        if let Some(row) = rows.get_mut(label as usize).filter(|row| row.len() < per_class) {
            row.push(index);
        }
    }
    let mut cells = Vec::with_capacity(classes * per_class);
    for row in &rows {
        for place in 0..per_class {
            cells.push(match row.get(place).map(|&index| set.read(index)) {
                None => Picture::new(1, 1, NOTHING),
                Some(Err(_)) => Picture::new(16, 16, BROKEN),
                Some(Ok(Sample::Image(image))) => Picture::of(&image),
                Some(Ok(Sample::Array(array))) => Picture::of_array(&array),
                Some(Ok(Sample::Events(events))) => View::new(&events, 1)?.pictures(1).remove(0),
            });
        }
    }
    // Small samples are enlarged to about 48 pixels, large ones stay as they are.
    let largest = cells.iter().map(|cell| cell.width().max(cell.height())).max().unwrap_or(1);
    let factor = (48 / largest).max(1);
    let cells: Vec<_> = cells.iter().map(|cell| cell.enlarged(factor)).collect();
    Ok(Picture::grid(&cells, per_class, NOTHING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Split, open};

    #[test]
    fn each_class_has_a_row() {
        let mut visited = 0;
        for name in ["digits", "fashion-mnist-dvs"] {
            let set = open(name, Split::Test, None).unwrap();
            let sheet = contact_sheet(&*set, 3, 4).unwrap();
            let cell = if name == "digits" { 48 } else { 34 };
            assert_eq!((sheet.width(), sheet.height()), (3 * cell + 8, 4 * cell + 10));
            let first = (0..set.len()).find(|&index| set.label(index) == 1).unwrap();
            let expected = match set.read(first).unwrap() {
                Sample::Image(image) => Picture::of(&image).enlarged(6),
                Sample::Array(_) => panic!("no array"),
                Sample::Events(events) => View::new(&events, 1).unwrap().pictures(1).remove(0),
            };
            let start = (2 + cell + 2) * sheet.width() + 2;
            assert_eq!(sheet.pixels()[start..start + cell], expected.pixels()[..cell]);
            visited += 1;
        }
        assert_eq!(visited, 2);
    }
}
