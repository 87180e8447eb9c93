//! Cross builds of the agent with the `small` profile.
//!
//! Two ways, chosen by what is there. With rustup's standard library for the target the build is the ordinary one.
//! Without it (a machine that reaches only Debian) Debian's own compiler builds the standard library along with the
//! agent; that needs `RUSTC_BOOTSTRAP`, which is why it stays in this one place. Static binaries link Debian's musl
//! through its gcc specs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{self, cargo, root};
use crate::smoke;
use crate::target::{Target, choose};

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Builds, prints sizes, and with `and_run` tries each binary under its emulator.
pub(crate) fn run(name: Option<&str>, and_run: bool) -> Result<()> {
    let mut built = Vec::new();
    for target in choose(name)? {
        let binary = build_for(target)?;
        let size = fs::metadata(&binary)?.len();
        built.push((target, binary, size));
    }
    println!("\n{:<8}{:<32}{:>12}   goal", "target", "triple", "bytes");
    for (target, _, size) in &built {
        println!(
            "{:<8}{:<32}{size:>12}   {}",
            target.name, target.triple, target.goal
        );
    }
    if and_run {
        for (target, binary, _) in &built {
            smoke::run(target, binary)?;
        }
    }
    Ok(())
}

/// Builds for the target of that name; returns where the agent is.
pub(crate) fn build(name: &str) -> Result<PathBuf> {
    choose(Some(name))?
        .into_iter()
        .map(build_for)
        .next()
        .context("no such target")?
}

fn build_for(target: &Target) -> Result<PathBuf> {
    let mut command = if has_rustup_std(target) {
        rustup_build(target)
    } else {
        debian_build(target)?
    };
    process::run(&mut command)?;
    let binary = root()
        .join("target")
        .join(target.triple)
        .join("small/tillwire-agent");
    let bytes = fs::read(&binary).with_context(|| format!("no binary at {}", binary.display()))?;
    if target.musl.is_some() && asks_for_a_loader(&bytes) {
        bail!(
            "{} asks for musl's loader, wanted a static binary: it would start on this machine and on no shop's box",
            binary.display()
        );
    }
    Ok(binary)
}

/// The loader's path stands in the program as text.
fn asks_for_a_loader(program: &[u8]) -> bool {
    const LOADER: &[u8] = b"/lib/ld-musl-";
    program.windows(LOADER.len()).any(|window| window == LOADER)
}

fn has_rustup_std(target: &Target) -> bool {
    let installed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output();
    installed.is_ok_and(|out| {
        String::from_utf8_lossy(&out.stdout)
            .lines()
            .any(|line| line == target.triple)
    })
}

fn build_arguments(command: &mut Command, target: &Target) {
    command.current_dir(root());
    command.args([
        "build",
        "--package",
        "tillwire-agent",
        "--profile",
        "small",
        "--target",
        target.triple,
    ]);
}

fn rustup_build(target: &Target) -> Command {
    let mut command = cargo();
    build_arguments(&mut command, target);
    command
}

fn debian_build(target: &Target) -> Result<Command> {
    for needed in [DEBIAN_CARGO, DEBIAN_RUSTC] {
        if !Path::new(needed).exists() {
            bail!(
                "found neither rustup's {triple} nor {needed}; run `rustup target add {triple}`, or on Debian \
                 install rustc-web cargo-web rust-web-src and {gcc}",
                triple = target.triple,
                gcc = target.gcc
            );
        }
    }
    let tools = tools(target)?;
    let upper = target.triple.to_uppercase().replace('-', "_");
    let lower = target.triple.replace('-', "_");
    let mut command = Command::new(DEBIAN_CARGO);
    build_arguments(&mut command, target);
    command.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="]);
    for inherited in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC", "RUSTFLAGS"] {
        command.env_remove(inherited);
    }
    command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command.env(format!("CARGO_TARGET_{upper}_LINKER"), &tools.compiler);
    command
        .env(format!("CC_{lower}"), &tools.compiler)
        .env(format!("AR_{lower}"), target.ar)
        .env(format!("CFLAGS_{lower}"), tools.c_flags);
    command.env(format!("CARGO_TARGET_{upper}_RUSTFLAGS"), tools.flags.join(" "));
    Ok(command)
}

/// Debian's specs for musl, made to link statically: left alone they ask for musl's loader whatever the compiler is told,
/// and no shop's box has that. Still at an address drawn anew at each start.
fn static_specs(musl: &str) -> Result<String> {
    let path = Path::new(musl).join("musl-gcc.specs");
    let specs = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let mut lines: Vec<String> = specs
        .replace("Scrt1.o", "rcrt1.o")
        .lines()
        .map(str::to_owned)
        .collect();
    let link = lines
        .iter_mut()
        .find(|line| line.starts_with("-dynamic-linker"))
        .with_context(|| format!("found no line of linker options in {}", path.display()))?;
    "-nostdlib -static -pie --no-dynamic-linker -z text".clone_into(link);
    Ok(lines.join("\n") + "\n")
}

struct Tools {
    compiler: PathBuf,
    flags: Vec<String>,
    c_flags: &'static str,
}

/// For musl a compiler that uses Debian's specs, and a `libunwind.a` that unwinds nothing: the standard library asks
/// for one, but a program that aborts on panic only ever asks it for a backtrace.
fn tools(target: &Target) -> Result<Tools> {
    let Some(musl) = target.musl else {
        return Ok(Tools {
            compiler: target.gcc.into(),
            flags: Vec::new(),
            c_flags: "",
        });
    };
    let folder = root().join("target/cross").join(target.name);
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let (compiler, specs) = (folder.join("cc"), folder.join("static.specs"));
    fs::write(&specs, static_specs(musl)?)?;
    fs::write(
        &compiler,
        format!(
            "#!/bin/sh\nexec {} \"$@\" -specs {}\n",
            target.gcc,
            specs.display()
        ),
    )?;
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))?;
    let (object, unwind) = (folder.join("no_unwind.o"), folder.join("libunwind.a"));
    let source = root().join("cross/no_unwind.c");
    process::run(
        Command::new(target.gcc)
            .args(["-Os", "-c", "-o"])
            .arg(&object)
            .arg(&source),
    )?;
    process::run(Command::new(target.ar).arg("crs").arg(&unwind).arg(&object))?;
    let flags = vec![
        // Debian's compiler links musl dynamically unless it is told, and no shop's box has musl's loader
        "-C target-feature=+crt-static".to_owned(),
        "-C link-self-contained=no".to_owned(),
        // nobody unwinds: tables for it would be a tenth of the binary
        "-C force-unwind-tables=no".to_owned(),
        format!("-L native={musl}"),
        format!("-L native={}", folder.display()),
    ];
    Ok(Tools {
        compiler,
        flags,
        c_flags: "-fno-asynchronous-unwind-tables -fno-unwind-tables",
    })
}
