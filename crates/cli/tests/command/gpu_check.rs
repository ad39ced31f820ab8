//! The check of a device, whose kernels the host runs here.

use std::fs;

use crate::{Place, RECIPE};

#[test]
fn every_section_of_the_report_is_there_and_the_laws_hold() {
    let place = Place::with(RECIPE);
    let output = place.output(&["gpu-check", "--device", "host", "--quick", "--out", "report"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let report = fs::read(place.path("report/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let expected = [
        ("machine", "passed"),
        ("laws", "passed"),
        ("memory", "left_out"),
        ("counts", "passed"),
        ("times", "passed"),
        ("anchors", "passed"),
        ("spikingjelly", "left_out"),
        ("recipes", "left_out"),
    ];
    let sections = report["sections"].as_array().unwrap();
    let mut visited = 0;
    for (section, (id, outcome)) in sections.iter().zip(expected) {
        assert_eq!(
            (&section["id"], &section["outcome"]),
            (&id.into(), &outcome.into()),
            "{section}"
        );
        assert!(section["sentence"].as_str().unwrap().ends_with('.'), "{section}");
        visited += 1;
    }
    assert_eq!((visited, sections.len()), (expected.len(), expected.len()));
    // Every neuron under two surrogates, each network without a method, and one with each.
    assert!(sections[1]["comparisons"].as_u64().unwrap() >= 18 + 3 + 9, "{}", sections[1]);
    let launches = sections[3]["tables"][0]["rows"][0][3].as_f64().unwrap();
    assert!(launches > 10.0, "{launches}");
    // Nothing that was not measured has a number.
    let page = fs::read_to_string(place.path("report/report.html")).unwrap();
    let text = fs::read_to_string(place.path("report/report.md")).unwrap();
    for form in [page, text, shown] {
        assert!(form.contains("not measured: the kernels ran on the host"), "{form}");
    }
    let times = sections[4]["tables"][0]["rows"].as_array().unwrap();
    assert!(!times.is_empty() && times.iter().all(|row| row[4].is_string()), "{times:?}");
}

#[test]
fn a_device_that_is_not_there_is_an_argument() {
    let place = Place::with(RECIPE);
    let (code, error) = place.code(&["gpu-check", "--device", "cpu"]);
    assert_eq!((code, &*error), (2, "error: --device: expected cuda, cuda:N or host, got cpu\n"));
    assert!(!place.path("gpu-check").exists());
}
