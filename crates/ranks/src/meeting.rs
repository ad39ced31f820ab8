//! Shards that exchange values in the middle of a step.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{Error, Result, Shards};

/// The place of a shard that runs on a thread of its own, beside the other own shards, and exchanges values
/// with the shards of all ranks.
#[derive(Debug)]
pub struct Seat {
    shard: usize,
    meeting: Arc<Meeting>,
}

#[derive(Debug)]
struct Meeting {
    shards: Shards,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What each own shard has brought to this exchange.
    brought: Vec<Option<Vec<f64>>>,
    /// What all shards have brought, once they have.
    all: Option<Result<Arc<Vec<Vec<f64>>>>>,
    /// Own shards that have not yet seen it.
    seeing: usize,
    /// A shard that has ended.
    ended: bool,
}

impl Seat {
    /// The seats of the own shards, in their order.
    pub fn all(shards: &Shards) -> Vec<Self> {
        let own = shards.own();
        let state = State { brought: vec![None; own.len()], ..State::default() };
        let (shards, state) = (shards.clone(), Mutex::new(state));
        let meeting = Arc::new(Meeting { shards, state, changed: Condvar::new() });
        own.map(|shard| Self { shard, meeting: meeting.clone() }).collect()
    }

    /// The number of the shard.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Whether it is the first of the own shards.
    pub fn is_first(&self) -> bool {
        self.shard == self.meeting.shards.own().start
    }

    /// The values of all shards, in their order. Every shard must call it as often as the others.
    ///
    /// # Errors
    /// If another shard or a rank has ended.
    pub fn gather(&self, own: Vec<f64>) -> Result<Arc<Vec<Vec<f64>>>> {
        let Meeting { shards, changed, .. } = &*self.meeting;
        let mut state = self.lock();
        let place = self.shard - shards.own().start;
        state.brought[place] = Some(own);
        if state.brought.iter().all(Option::is_some) {
            let brought = state.brought.iter_mut().filter_map(Option::take).collect();
            state.all = Some(shards.gather(brought).map(Arc::new));
            state.seeing = shards.own().len();
            changed.notify_all();
        }
        let (mut state, all) = self.wait(state, |state| state.all.clone())?;
        state.seeing -= 1;
        if state.seeing == 0 {
            state.all = None;
            changed.notify_all();
        }
        // No shard begins the next exchange before all have seen this one.
        drop(self.wait(state, |state| state.all.is_none().then_some(()))?);
        all
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.meeting.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` gives something.
    fn wait<'a, T>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        ready: impl Fn(&State) -> Option<T>,
    ) -> Result<(MutexGuard<'a, State>, T)> {
        loop {
            if let Some(value) = ready(&state) {
                return Ok((state, value));
            }
            if state.ended {
                return Err(Error::Ended { rank: self.meeting.shards.communicator().rank() });
            }
            state = self.meeting.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lock().ended = true;
        self.meeting.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Communicator, ThreadRank};

    #[test]
    fn every_shard_sees_what_all_have_brought() {
        let mut visited = 0;
        for ranks in [1, 2, 4] {
            std::thread::scope(|scope| {
                for rank in ThreadRank::group(ranks) {
                    visited += 1;
                    scope.spawn(move || {
                        let first = 4 / rank.ranks() * rank.rank();
                        let shards = Shards::new(4, Arc::new(rank)).expect("4 are divided");
                        std::thread::scope(|scope| {
                            for seat in Seat::all(&shards) {
                                scope.spawn(move || {
                                    assert_eq!(seat.is_first(), seat.shard() == first);
                                    for round in 0..20 {
                                        let own = vec![f64::from(round), seat.shard() as f64];
                                        let all = seat.gather(own).expect("all are there");
                                        let expected = (0..4).map(|shard| [round, shard]);
                                        let expected = expected.map(|own| own.map(f64::from));
                                        assert!(all.iter().eq(expected.collect::<Vec<_>>().iter()));
                                    }
                                });
                            }
                        });
                    });
                }
            });
        }
        assert_eq!(visited, 7);
    }

    #[test]
    fn a_shard_that_ends_does_not_leave_the_others_waiting() {
        let shards = Shards::new(2, Arc::new(crate::Alone)).expect("2 are divided");
        let mut seats = Seat::all(&shards);
        drop(seats.pop());
        assert_eq!(seats[0].gather(Vec::new()), Err(Error::Ended { rank: 0 }));
    }
}
