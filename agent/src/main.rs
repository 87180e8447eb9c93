//! `tillwire-agent`: see [`tillwire_agent::cli`].

fn main() -> std::process::ExitCode {
    tillwire_agent::cli::main(std::env::args_os().collect())
}
