//! Ranks that are threads of one process.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Communicator, Error, Result};

/// A rank that is a thread; the others are ended when it is dropped.
#[derive(Debug)]
pub struct ThreadRank {
    rank: usize,
    group: Arc<Group>,
}

#[derive(Debug)]
struct Group {
    ranks: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// What each rank has sent in this exchange, to each rank.
    sent: Vec<Option<Vec<Vec<u8>>>>,
    /// Ranks that have not yet received in this exchange.
    receiving: usize,
    /// The first rank that has ended.
    ended: Option<usize>,
}

impl ThreadRank {
    /// A group of so many ranks.
    pub fn group(ranks: usize) -> Vec<Self> {
        let state = State { sent: vec![None; ranks], receiving: 0, ended: None };
        let group = Arc::new(Group { ranks, state: Mutex::new(state), changed: Condvar::new() });
        (0..ranks).map(|rank| Self { rank, group: group.clone() }).collect()
    }

    /// Waits until `ready`; the last exchange of a rank that has ended may still be completed.
    fn wait(&self, ready: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>> {
        let group = &self.group;
        let mut state = group.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if ready(&state) {
                return Ok(state);
            }
            if let Some(rank) = state.ended {
                return Err(Error::Ended { rank });
            }
            state = group.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Communicator for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.group.ranks
    }

    fn exchange(&self, send: &[&[u8]], receive: &mut [&mut [u8]]) -> Result<()> {
        let ranks = self.group.ranks;
        let mut state = self.group.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sent[self.rank] = Some(send.iter().map(|part| part.to_vec()).collect());
        if state.sent.iter().all(Option::is_some) {
            state.receiving = ranks;
            self.group.changed.notify_all();
        }
        drop(state);
        let mut state = self.wait(|state| state.receiving > 0)?;
        for (receive, sent) in receive.iter_mut().zip(&state.sent) {
            let sent = sent.as_ref().map_or(&[][..], |parts| &parts[self.rank][..]);
            receive.copy_from_slice(sent);
        }
        state.receiving -= 1;
        if state.receiving == 0 {
            state.sent.fill(None);
            self.group.changed.notify_all();
        }
        drop(state);
        // No rank begins the next exchange before all have received in this one.
        self.wait(|state| state.receiving == 0).map(drop)
    }
}

impl Drop for ThreadRank {
    fn drop(&mut self) {
        let mut state = self.group.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ended.get_or_insert(self.rank);
        self.group.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `work` on each of so many ranks, and gives what they return in the order of the ranks.
    fn on_ranks<T: Send>(ranks: usize, work: impl Fn(&dyn Communicator) -> T + Sync) -> Vec<T> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = ThreadRank::group(ranks)
                .into_iter()
                .map(|rank| scope.spawn(|| work(&{ rank })))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        })
    }

    #[test]
    fn every_rank_receives_what_each_has_sent_to_it() {
        let mut visited = 0;
        for ranks in [1, 2, 3, 5] {
            let received = on_ranks(ranks, |own| {
                let mut all = Vec::new();
                for round in 0..50 {
                    let bytes = vec![own.rank() as u8; own.rank() + round];
                    all.push(own.gather(&bytes).expect("all are there"));
                    let someone = own.any([own.rank() == round]).expect("all are there");
                    assert_eq!(someone, [round < ranks]);
                }
                all
            });
            for all in received {
                for (round, gathered) in all.into_iter().enumerate() {
                    let expected = (0..ranks).map(|rank| vec![rank as u8; rank + round]);
                    assert!(gathered.into_iter().eq(expected));
                    visited += 1;
                }
            }
        }
        assert_eq!(visited, 50 * 11);
    }

    #[test]
    fn who_waits_for_a_rank_that_has_ended_is_told() {
        let outcomes =
            on_ranks(3, |own| if own.rank() == 1 { Ok([false]) } else { own.any([true]) });
        assert_eq!(
            outcomes,
            [Err(Error::Ended { rank: 1 }), Ok([false]), Err(Error::Ended { rank: 1 })]
        );
    }

    #[test]
    fn ranks_that_differ_are_named_on_every_rank() {
        let outcomes = on_ranks(3, |own| {
            let seed = if own.rank() == 2 { "[data]\nseed = 2\nx" } else { "[data]\nseed = 1\nx" };
            own.agree(&[("version", "1".into()), ("the recipe", seed.into())])
        });
        let message = "the recipe differs between ranks: seed = 2 on rank 2, seed = 1 on rank 0";
        assert_eq!(outcomes.len(), 3);
        assert!(
            outcomes.iter().all(|outcome| outcome.as_ref().unwrap_err().to_string() == message)
        );
        let first = on_ranks(3, |own| own.broadcast(&[7 + own.rank() as u8]));
        assert!(first.iter().all(|bytes| *bytes == Ok(vec![7])));
    }
}
