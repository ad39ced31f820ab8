//! What ranks need of whatever connects them.

use std::fmt::Debug;

use crate::{Error, Result};

/// One of a group of ranks, and its connection to the others.
///
/// All ranks of a group call the same methods in the same order, and one call must return before the next
/// begins.
pub trait Communicator: Debug + Send + Sync {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks, at least 1.
    fn ranks(&self) -> usize;

    /// Sends `send[r]` to each rank r, itself included, and fills `receive[r]` with what rank r sends here,
    /// which must have that length.
    ///
    /// # Errors
    /// [`Error::Ended`] if a rank is not there any more.
    fn exchange(&self, send: &[&[u8]], receive: &mut [&mut [u8]]) -> Result<()>;
}

/// The first lines in which two texts differ.
fn first_difference(one: &str, other: &str) -> [String; 2] {
    let line = |text: &str, number| match text.lines().nth(number) {
        Some(line) => line.to_owned(),
        None => "nothing".to_owned(),
    };
    let differs = |number: &usize| line(one, *number) != line(other, *number);
    let number = (0..=one.lines().count()).find(differs).unwrap_or(0);
    [line(one, number), line(other, number)]
}

/// The only rank.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Communicator for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        1
    }

    fn exchange(&self, send: &[&[u8]], receive: &mut [&mut [u8]]) -> Result<()> {
        receive[0].copy_from_slice(send[0]);
        Ok(())
    }
}

impl dyn Communicator + '_ {
    /// The `bytes` of every rank, in their order; they may differ in length.
    ///
    /// # Errors
    /// As [`exchange`](Communicator::exchange).
    pub fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let ranks = self.ranks();
        if ranks == 1 {
            return Ok(vec![bytes.to_vec()]);
        }
        let length = (bytes.len() as u64).to_le_bytes();
        let mut lengths = vec![[0; 8]; ranks];
        let mut receive: Vec<&mut [u8]> =
            lengths.iter_mut().map(|length| &mut length[..]).collect();
        self.exchange(&vec![&length[..]; ranks], &mut receive)?;
        let lengths = lengths.into_iter().map(|length| u64::from_le_bytes(length) as usize);
        let mut all: Vec<Vec<u8>> = lengths.map(|length| vec![0; length]).collect();
        let mut receive: Vec<&mut [u8]> = all.iter_mut().map(|part| &mut part[..]).collect();
        self.exchange(&vec![bytes; ranks], &mut receive)?;
        Ok(all)
    }

    /// The bytes of rank 0; those of other ranks are not looked at.
    ///
    /// # Errors
    /// As [`exchange`](Communicator::exchange).
    pub fn broadcast(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let own = if self.rank() == 0 { bytes } else { &[] };
        Ok(self.gather(own)?.swap_remove(0))
    }

    /// Which of `values`, as many on each rank, are true on any rank.
    ///
    /// # Errors
    /// As [`exchange`](Communicator::exchange).
    pub fn any<const N: usize>(&self, values: [bool; N]) -> Result<[bool; N]> {
        if self.ranks() == 1 {
            return Ok(values);
        }
        let all = self.gather(&values.map(u8::from))?;
        Ok(std::array::from_fn(|i| all.iter().any(|values| values[i] != 0)))
    }

    /// Checks that all ranks have the same `facts`: names and values.
    ///
    /// # Errors
    /// [`Error::Differs`] names the first fact that differs, on every rank; and as
    /// [`exchange`](Communicator::exchange).
    pub fn agree(&self, facts: &[(&str, String)]) -> Result<()> {
        for (what, own) in facts {
            let all = self.gather(own.as_bytes())?;
            if let Some(rank) = (1..all.len()).find(|&rank| all[rank] != all[0]) {
                let [found, expected] = [rank, 0].map(|rank| String::from_utf8_lossy(&all[rank]));
                let [found, expected] = first_difference(&found, &expected);
                return Err(Error::Differs { what: (*what).into(), rank, expected, found });
            }
        }
        Ok(())
    }
}
