//! Signals that ask the command to end: Ctrl-C, and SIGTERM and SIGHUP, which clusters send.
//!
//! A training finishes its step and writes a checkpoint; the exit code says which signal it was.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
#[cfg(unix)]
use signal_hook::consts::SIGHUP;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Set by the first signal; a second one ends the process at once.
pub(crate) static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Number of the signal that came.
static SIGNAL: LazyLock<Arc<AtomicUsize>> =
    LazyLock::new(|| Arc::new(AtomicUsize::new(SIGINT as usize)));

#[cfg(unix)]
const SIGNALS: &[i32] = &[SIGINT, SIGTERM, SIGHUP];
#[cfg(not(unix))]
const SIGNALS: &[i32] = &[SIGINT, SIGTERM];

/// Lets signals stop runs after their current step, with a checkpoint.
pub(crate) fn listen() -> Result<()> {
    for &signal in SIGNALS.iter().filter(|&&signal| !is_ignored(signal)) {
        flag::register_conditional_shutdown(signal, 128 + signal, STOP.clone())
            .and_then(|_| flag::register_usize(signal, SIGNAL.clone(), signal as usize))
            .and_then(|_| flag::register(signal, STOP.clone()))
            .with_context(|| format!("cannot listen to signal {signal}"))?;
    }
    Ok(())
}

/// The exit code of a command that was stopped: 128 and the number of the signal, as shells have it.
pub(crate) fn code() -> u8 {
    128 + SIGNAL.load(Ordering::Relaxed) as u8
}

/// Whether the process was started to ignore a signal, as `nohup` does with SIGHUP.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null pointer asks for the present action alone, which is written to `action`.
    if unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call above succeeded, so that `action` is written.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn is_ignored(_signal: i32) -> bool {
    false
}
