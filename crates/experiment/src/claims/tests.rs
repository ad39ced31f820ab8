//! What every claim and every map must fulfill, at every scale.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_claim_names_two_rows_of_the_same_data_at_every_scale() {
    let (mut papers, mut identities, mut visited) = (BTreeSet::new(), 0, 0);
    for scale in Scale::ALL {
        let tests = Tests::at(scale).unwrap();
        let claims = tests.claims.iter().map(|claim| claim.id.as_str());
        let ids: BTreeSet<&str> =
            claims.chain(tests.maps.iter().map(|map| map.id.as_str())).collect();
        assert_eq!(ids.len(), tests.claims.len() + tests.maps.len(), "the same id twice");
        for claim in &tests.claims {
            assert_eq!(claim.method.rows.len(), claim.baseline.rows.len(), "{}", claim.id);
            for (method, baseline) in claim.method.rows.iter().zip(&claim.baseline.rows) {
                let [method, baseline] = [&method.row.recipe, &baseline.row.recipe];
                assert_ne!(method, baseline, "{}: compared with itself", claim.id);
                assert_eq!(method.data, baseline.data, "{}", claim.id);
            }
            assert!(!claim.condition.is_empty() && claim.claim().ends_with('.'), "{}", claim.id);
            papers.insert(claim.id.split('/').next().unwrap().to_owned());
            identities += usize::from(claim.raw.expected == Expectation::Identical);
            visited += 1;
        }
    }
    assert_eq!(papers.len(), FILES.len());
    assert!(identities >= papers.len() && visited > 2 * identities, "{identities} of {visited}");
}

/// Every combination of values is a point, with values for every seed.
#[test]
fn every_map_covers_its_grid() {
    let mut visited = 0;
    for scale in Scale::ALL {
        for map in Tests::at(scale).unwrap().maps {
            let product: usize = map.axes.iter().map(|axis| axis.values.len()).product();
            assert_eq!(map.points.len(), product, "{}", map.id);
            let places: BTreeSet<&[usize]> =
                map.points.iter().map(|point| point.at.as_slice()).collect();
            assert_eq!(places.len(), product, "{}", map.id);
            let report = map.report(&mut |_, _, seed| Ok(Some(seed as f64))).unwrap();
            assert_eq!(report.cells.len(), product);
            assert!(report.cells.iter().all(|cell| cell.values.len() == map.seeds as usize));
            let against = map.raw.against.is_some();
            assert_eq!(report.against.is_some(), against, "{}: no such value", map.id);
            visited += 1;
        }
    }
    assert!(visited > 0);
}

/// A metric that no claim asks for is one that nobody reads.
#[test]
fn every_metric_has_a_claim_or_a_map() {
    let mut used = BTreeSet::new();
    for scale in Scale::ALL {
        let Tests { claims, maps } = Tests::at(scale).unwrap();
        used.extend(claims.iter().map(|claim| claim.metric.name()));
        used.extend(maps.iter().flat_map(|map| &map.points).map(|point| point.metric.name()));
    }
    let unused: Vec<_> = AnyMetric::NAMES.iter().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
    assert_eq!(used.len(), AnyMetric::NAMES.len());
}

/// A seed of which one run is missing is no pair.
#[test]
fn a_claim_pairs_the_seeds_that_both_rows_have() {
    let tests = Tests::at(Scale::Demo).unwrap();
    let claim = &tests.claims[0];
    let report = claim
        .report(&mut |row, _, seed| {
            let value = if row.row.id == claim.method.rows[0].row.id { 1.0 } else { 0.5 };
            Ok((seed != 2 || value == 0.5).then_some(value))
        })
        .unwrap();
    assert_eq!(report.pairs.len(), claim.seeds as usize - 1);
    assert!(report.pairs.iter().all(|pair| (pair.method, pair.baseline) == (1.0, 0.5)));
    assert_eq!(report.pairs.iter().filter(|pair| pair.seed == 2).count(), 0);
}

/// Values 0, 1, 2, 3 and 4 have a standard deviation of √2.5, equal ones of 0.
#[test]
fn a_pattern_compares_spreads() {
    let tests = Tests::at(Scale::Reduced).unwrap();
    let several = |claim: &&ClaimTest| claim.baseline.rows.len() > 1;
    let claim = tests.claims.iter().find(several).unwrap();
    let report = |missing: u64| {
        let mut value = |row: &RowOf, _: &AnyMetric, seed: u64| {
            let place = claim.baseline.rows.iter().position(|known| known.row.id == row.row.id);
            Ok((seed != missing || place != Some(2))
                .then_some(place.map_or(0.5, |place| place as f64)))
        };
        claim.report(&mut value).unwrap()
    };
    let whole = report(0);
    assert_eq!(whole.pairs.len(), claim.seeds as usize);
    for pair in &whole.pairs {
        assert!((pair.baseline - 2.5_f64.sqrt()).abs() < 1e-12 && pair.method == 0.0, "{pair:?}");
    }
    assert_eq!(report(2).pairs.len(), claim.seeds as usize - 1);
    assert_eq!(
        (whole.baseline.as_str(), whole.method.as_str()),
        ("surrogate …, fixed", "surrogate …, PSG")
    );
    assert_eq!(whole.quantity.words, "standard deviation over 5 rows of: test accuracy");
}

#[test]
fn unknown_keys_and_names_are_refused() {
    let claim = |extra: &str, test: &str| {
        let text = format!(
            "[[claims]]\nid = \"a\"\nclaim = \"b\"\nplace = \"c\"\nmetric = {{ accuracy = {{}} }}\n\
             expected = \"higher\"\n{extra}\n[claims.demo]\ntable = \"table-1\"\n\
             baseline = \"sdt\"\nseeds = 3\ncondition = \"d\"\n{test}"
        );
        let file: File = toml::from_str(&text).map_err(|error| error.to_string())?;
        let claim = file.claims.into_iter().next().ok_or("no claim")?;
        let test = claim.test("paper", Scale::Demo).map_err(|error| error.to_string())?;
        test.ok_or_else(|| "no test".to_owned())
    };
    let (margin, method) = ("margin = 0.01", "method = \"tet\"");
    assert!(claim(margin, method).is_ok());
    let refused = [
        ("margin = 0.01\nmargins = 1", method, "unknown field `margins`"),
        (margin, "method = \"tet\"\nseed = 1", "unknown field `seed`"),
        (margin, "method = \"t*t\"", "table-1: t*t: expected at least 3 rows"),
        (margin, "method = \"tett\"", "unknown row `tett` (near: `tet`"),
        ("", method, "paper/a: margin: expected a margin"),
        ("margin = 0.0", method, "paper/a: margin: expected a margin"),
        (margin, "method = \"tet\"\nmetric = { accuracy_after = { step = 5 } }", "from 1 to 4"),
        (
            margin,
            "method = \"tet\"\nmetric = { accurate = {} }",
            "unknown metric `accurate`; known are accuracy",
        ),
    ];
    let mut visited = 0;
    for (extra, test, words) in refused {
        let error = claim(extra, test).expect_err(words);
        assert!(error.contains(words), "{error}");
        visited += 1;
    }
    assert_eq!(visited, 8);
    let mut tests = Tests::at(Scale::Demo).unwrap();
    let error = tests.keep(&["tet/early".into()]).unwrap_err().to_string();
    assert!(error.contains("unknown claim `tet/early` (near: `tet/early-accuracy`"), "{error}");
}
