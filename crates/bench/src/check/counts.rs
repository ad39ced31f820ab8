//! What a training step costs on a device besides time.

use candlewick_methods::MethodSettings;
use candlewick_run::{CheckCell, CheckTable};

use super::networks::{NETS, SMALL, Size, trainee};
use super::{DeviceCheck, Findings, Result};

/// Counts launches, products, reads, allocations and bytes of the second training step of each network.
///
/// # Errors
/// If a step fails.
pub fn check_counts(check: &DeviceCheck) -> Result<Findings> {
    let size = if check.target.is_timed() && !check.quick { Size::default() } else { SMALL };
    let mut table = CheckTable::new(&[
        "network",
        "batch",
        "T",
        "launches",
        "products",
        "reads",
        "allocations",
        "MB",
        "launches of optimizer and norms",
    ]);
    let mut words = Vec::new();
    for net in NETS {
        let (row, sentence) = check.target.run(|| -> Result<_> {
            let mut trainee =
                trainee(net, size, &MethodSettings::default(), &check.target.device())?;
            trainee.step()?;
            let before = trainee.counts();
            trainee.step()?;
            let after = trainee.counts();
            let (network, outside) = (after[0] - before[0], after[1] - before[1]);
            let cells = vec![
                net.into(),
                CheckCell::count(trainee.samples() as u64),
                CheckCell::count(trainee.time_steps() as u64),
                CheckCell::count(network.launches),
                CheckCell::count(network.products),
                CheckCell::count(network.reads + outside.reads),
                CheckCell::count(network.allocations + outside.allocations),
                CheckCell::number((network.bytes + outside.bytes) as f64 / 1e6, 1),
                CheckCell::count(outside.launches),
            ];
            Ok((cells, format!("{net} {} and {}", network.launches, network.products)))
        })?;
        table.rows.push(row);
        words.push(sentence);
    }
    let mut notes = vec![
        "Counted in the second step, after one that makes the arrays; launches are those of forward, backward and the counts of spikes, four launches for each layer of neurons.".to_owned(),
        "A read is a time that the host waits for values of the device, of the network, the optimizer and the norms.".to_owned(),
        "Bytes are those of all arrays that kernels and products take, each counted at every use.".to_owned(),
    ];
    if size.narrow {
        notes.push("The networks are narrow here, with a sixteenth of their channels: launches and products are those of the whole ones, bytes are not.".to_owned());
    }
    let sentence = format!("launches and matrix products: {}.", words.join("; "));
    Ok(Findings { sentence, notes, tables: vec![table], ..Findings::default() })
}
