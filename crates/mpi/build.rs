//! Compiles what is used of MPI with the compiler of the MPI that is installed.

fn main() {
    println!("cargo::rerun-if-changed=src/mpi.c");
    println!("cargo::rerun-if-env-changed=MPICC");
    #[cfg(feature = "mpi")]
    mpi();
}

#[cfg(feature = "mpi")]
fn mpi() {
    use std::process::Command;
    let compiler = std::env::var("MPICC").unwrap_or_else(|_| "mpicc".into());
    // OpenMPI knows the first option, MPICH the second.
    let flags = ["--showme:link", "-link_info"].iter().find_map(|option| {
        let output = Command::new(&compiler).arg(option).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    let Some(flags) = flags else {
        println!(
            "cargo::error=the feature `mpi` needs `{compiler}` of OpenMPI or MPICH (Debian: libopenmpi-dev \
             or libmpich-dev); the variable MPICC names another one"
        );
        return;
    };
    // MPICH's constant for "no statuses" looks to GCC like an array that is too small.
    cc::Build::new()
        .compiler(&compiler)
        .file("src/mpi.c")
        .flag_if_supported("-Wno-stringop-overflow")
        .compile("candlewick_mpi");
    for flag in flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo::rustc-link-search=native={folder}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo::rustc-link-lib={library}");
        }
    }
}
