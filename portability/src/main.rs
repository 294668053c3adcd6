//! Prints the digests of this build, a line each.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the lines are what the program is for")]

fn main() -> anyhow::Result<()> {
    for line in keepstone_portability::lines()? {
        println!("{line}");
    }
    Ok(())
}
