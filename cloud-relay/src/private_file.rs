//! Files that hold secrets.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Writes `bytes` to `path` with mode 0600. A crash leaves the old file or the new one, never a part.
///
/// # Errors
/// Names the path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let part = path.with_added_extension("part");
    // a leftover of a crash; it may have any mode
    let _ = fs::remove_file(&part);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)
        .with_context(|| format!("cannot create {}", part.display()))?;
    file.write_all(bytes)
        .with_context(|| format!("cannot write {}", part.display()))?;
    file.sync_all()
        .with_context(|| format!("cannot sync {}", part.display()))?;
    fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot sync {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn file_is_replaced_whole_and_nobody_else_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heartland.token");
        fs::write(&path, "old").unwrap();
        fs::write(dir.path().join("heartland.token.part"), "left by a crash").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let error = write(&dir.path().join("absent/file"), b"x").unwrap_err();
        assert!(error.to_string().contains("cannot create"), "{error}");
    }
}
