//! The list of tables: to add one, write its file in `recipes` and name it here.

/// A table's id and its file.
macro_rules! table {
    ($id:literal) => {
        ($id, include_str!(concat!("../recipes/", $id, ".toml")))
    };
}

/// The tables by id, in the order in which they are listed.
pub(crate) const FILES: &[(&str, &str)] = &[
    table!("table-1"),
    table!("table-2"),
    table!("table-3"),
    table!("table-4"),
    table!("tet/cifar-10"),
    table!("tet/cifar-100"),
    table!("tet/sdt-against-tet"),
    table!("tet/imagenet"),
    table!("tet/dvs-cifar10"),
    table!("tet/time-scalability"),
    table!("tet/tit"),
    table!("msg/cifar-10"),
    table!("msg/cifar-100"),
    table!("msg/imagenet"),
    table!("msg/dvs-cifar10"),
    table!("msg/n-caltech101"),
    table!("msg/ablation"),
    table!("gradient-scaling/cifar-10"),
    table!("gradient-scaling/cifar-100"),
    table!("psg-pda/cifar-10"),
    table!("psg-pda/cifar-100"),
    table!("shortcut/cifar-100"),
    table!("shortcut/comparison"),
    table!("shortcut/resnet-19"),
    table!("shortcut/imagenet"),
    table!("shortcut/cifar10-dvs"),
    table!("plif/cifar-10"),
    table!("claims/events"),
    table!("claims/images"),
    table!("claims/classes"),
    table!("claims/chain"),
    table!("claims/start"),
    table!("claims/controls"),
];

/// What stands before the slash of an id, and whose tables those are.
const PAPERS: [(&str, &str); 7] = [
    ("tet", "TET (Deng et al., ICLR 2022, arXiv:2202.11946)"),
    ("msg", "MSG and TWO (Li et al., Neural Networks 2024, arXiv:2406.19645)"),
    ("gradient-scaling", "Gradient scaling (Park et al., ICML workshop 2023, arXiv:2308.00558)"),
    ("psg-pda", "PSG and PDA (Wang et al., Neurocomputing 2025, arXiv:2304.13289)"),
    ("shortcut", "Shortcut back-propagation (Guo et al., NeurIPS 2024, arXiv:2401.04486)"),
    ("plif", "PLIF (Fang et al., ICCV 2021, arXiv:2007.05785)"),
    ("claims", "Conditions under which claims are tested"),
];

/// Whose table that is, for a heading.
pub(crate) fn paper(id: &str) -> &'static str {
    let key = id.split_once('/').map_or("", |(key, _)| key);
    PAPERS.iter().find(|(known, _)| *known == key).map_or("All papers together", |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_table_of_the_index() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes");
        let mut visited = 0;
        let mut folders = vec![std::path::PathBuf::from(folder)];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let id = path.strip_prefix(folder).expect("below it").with_extension("");
                let id = id.to_str().expect("a name").replace('\\', "/");
                assert!(FILES.iter().any(|(known, _)| *known == id), "{id} is not in the index");
                visited += 1;
            }
        }
        assert_eq!(visited, FILES.len());
    }

    /// Tables of one paper stand together, under a heading of their own.
    #[test]
    fn every_folder_is_a_paper() {
        let mut headings: Vec<&str> = FILES.iter().map(|(id, _)| paper(id)).collect();
        for (id, _) in FILES {
            assert_eq!(id.contains('/'), paper(id) != paper("table-1"), "{id}");
        }
        headings.dedup();
        assert_eq!(headings.len(), 1 + PAPERS.len());
    }
}
