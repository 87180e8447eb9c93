//! Copies the relay's core, planting the bugs of `bugs.toml` in the copy. The core itself has no seam for them: each
//! bug replaces one piece of source text, and the copy asks at that place which bug is meant.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// One bug of `bugs.toml`.
#[derive(serde::Deserialize)]
struct Bug {
    /// What is wrong, in words.
    name: String,
    /// The file in the core's `src`.
    file: String,
    /// The sound text, an expression that stands there once.
    was: String,
    /// The wrong text.
    is: String,
}

#[derive(serde::Deserialize)]
struct Bugs {
    bug: Vec<Bug>,
}

fn main() {
    let core = Path::new("../../cloud-relay/core/src");
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo names a folder"));
    println!("cargo:rerun-if-changed=bugs.toml");
    println!("cargo:rerun-if-changed={}", core.display());
    let text = fs::read_to_string("bugs.toml").expect("bugs.toml is beside this file");
    let bugs: Bugs = toml::from_str(&text).expect("bugs.toml has bugs");
    let mut files = BTreeMap::new();
    read(core, core, &mut files);
    let lost = plant(&bugs.bug, &mut files);
    let copy = out.join("core");
    let _ = fs::remove_dir_all(&copy);
    for (name, text) in &files {
        let path = copy.join(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("the folder can be written");
        fs::write(path, text).expect("the folder can be written");
    }
    fs::write(out.join("core.rs"), modules(&copy, &files)).expect("the folder can be written");
    let names: Vec<&str> = bugs.bug.iter().map(|bug| bug.name.as_str()).collect();
    let lists = format!("pub const BUGS: &[&str] = &{names:?};\npub const LOST: &[&str] = &{lost:?};\n");
    fs::write(out.join("bugs.rs"), lists).expect("the folder can be written");
}

/// Reads a folder. A module with a folder of its own becomes that folder's `mod.rs`, where modules are found from any
/// path.
fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("the core has a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            read(root, &path, files);
            continue;
        }
        let text = fs::read_to_string(&path).expect("source is text");
        let path = if path.with_extension("").is_dir() {
            path.with_extension("").join("mod.rs")
        } else {
            path
        };
        let name = path.strip_prefix(root).expect("a file of the root");
        files.insert(name.to_str().expect("names are text").to_owned(), text);
    }
}

/// Plants every bug, and returns what was not found once: the core has changed there, and the bug must follow.
fn plant(bugs: &[Bug], files: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut places: BTreeMap<(&str, &str), Vec<(usize, &Bug)>> = BTreeMap::new();
    for (number, bug) in bugs.iter().enumerate() {
        places
            .entry((&bug.file, &bug.was))
            .or_default()
            .push((number, bug));
    }
    let mut lost = Vec::new();
    for ((file, was), bugs) in places {
        let folder = file.replace(".rs", "/mod.rs");
        let name = if files.contains_key(file) { file } else { &folder };
        let Some(text) = files.get_mut(name).filter(|text| text.matches(was).count() == 1) else {
            lost.extend(
                bugs.iter()
                    .map(|(_, bug)| format!("{}: {file} does not hold {was:?} once", bug.name)),
            );
            continue;
        };
        let arms: Vec<String> = bugs
            .iter()
            .map(|(number, bug)| format!("Some({number}) => {{ {} }}", bug.is))
            .collect();
        let choice = format!(
            "(match crate::planted() {{ {} _ => {{ {was} }} }})",
            arms.join(" ")
        );
        *text = text.replace(was, &choice);
    }
    lost
}

/// The core's modules by absolute path, as its `lib.rs` names them.
fn modules(copy: &Path, files: &BTreeMap<String, String>) -> String {
    let lib = &files["lib.rs"];
    let names = lib.lines().filter_map(|line| {
        let line = line
            .strip_prefix("pub mod ")
            .or_else(|| line.strip_prefix("mod "))?;
        line.strip_suffix(';')
    });
    let module = |name: &str| {
        let file = [format!("{name}/mod.rs"), format!("{name}.rs")];
        let file = file
            .iter()
            .find(|file| files.contains_key(*file))
            .expect("a module has a file");
        let path = copy.join(file);
        format!("#[path = {path:?}]\n#[allow(warnings, clippy::all)]\npub mod {name};\n")
    };
    names.map(module).collect()
}
