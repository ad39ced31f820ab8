//! Ranks that are processes of MPI.

#![cfg(feature = "mpi")]

use std::ffi::{c_int, c_void};
use std::sync::Mutex;

use candlewick_ranks::{Communicator, Error, Result};

unsafe extern "C" {
    fn candlewick_mpi_start(rank: *mut c_int, ranks: *mut c_int, local: *mut c_int) -> c_int;
    fn candlewick_mpi_exchange(
        ranks: c_int,
        send: *const *const c_void,
        sent: *const usize,
        receive: *const *mut c_void,
        received: *const usize,
    ) -> c_int;
    fn candlewick_mpi_finish();
    fn candlewick_mpi_abort(code: c_int);
}

/// This process as a rank of MPI; there is one at most.
#[derive(Debug)]
pub struct Mpi {
    rank: usize,
    ranks: usize,
    local: usize,
    /// MPI serves one thread at a time.
    calls: Mutex<()>,
}

impl Mpi {
    /// Starts MPI; a process that `mpirun` has not started is the only rank.
    ///
    /// # Errors
    /// [`Error::Mpi`] if it cannot be started.
    pub fn start() -> Result<Self> {
        let [mut rank, mut ranks, mut local] = [0; 3];
        // SAFETY: the three places may be written.
        let failed = unsafe { candlewick_mpi_start(&raw mut rank, &raw mut ranks, &raw mut local) };
        if failed != 0 {
            return Err(Error::Mpi("MPI cannot be started with support for threads".into()));
        }
        let [rank, ranks, local] = [rank, ranks, local].map(|number| number as usize);
        Ok(Self { rank, ranks, local, calls: Mutex::new(()) })
    }

    /// The number of ranks on this machine.
    pub fn local(&self) -> usize {
        self.local
    }

    /// Ends MPI; nothing may be exchanged afterwards.
    pub fn finish(&self) {
        // SAFETY: MPI was started.
        unsafe { candlewick_mpi_finish() };
    }

    /// Ends all ranks at once.
    pub fn abort(&self, code: u8) {
        // SAFETY: MPI was started.
        unsafe { candlewick_mpi_abort(c_int::from(code)) };
    }
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn exchange(&self, send: &[&[u8]], receive: &mut [&mut [u8]]) -> Result<()> {
        assert_eq!([send.len(), receive.len()], [self.ranks; 2], "parts of an exchange");
        let sent: Vec<usize> = send.iter().map(|part| part.len()).collect();
        let received: Vec<usize> = receive.iter().map(|part| part.len()).collect();
        let send: Vec<*const c_void> = send.iter().map(|part| part.as_ptr().cast()).collect();
        let receive: Vec<*mut c_void> =
            receive.iter_mut().map(|part| part.as_mut_ptr().cast()).collect();
        let _one = self.calls.lock();
        // SAFETY: each list has one entry per rank, and each part as many bytes as its list says; the parts to
        // receive into are borrowed exclusively until the call returns.
        let failed = unsafe {
            candlewick_mpi_exchange(
                self.ranks as c_int,
                send.as_ptr(),
                sent.as_ptr(),
                receive.as_ptr(),
                received.as_ptr(),
            )
        };
        if failed == 0 {
            Ok(())
        } else {
            Err(Error::Mpi("an exchange between ranks failed".into()))
        }
    }
}
