//! The program; everything is in the library, so that the demo can be it too.

fn main() -> std::process::ExitCode {
    tillwire_relay::cli::main(std::env::args_os().collect())
}
