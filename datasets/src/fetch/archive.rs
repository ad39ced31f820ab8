//! Archives unpacked without leaving their folder: no `..`, no absolute path, no link.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::EntryType;
use zip::ZipArchive;

use super::space_for;
use crate::{Error, Result, file};

/// Unpacks a ZIP archive, after a look at the space that it needs.
pub(super) fn unpack_zip(path: &Path, folder: &Path) -> Result<()> {
    let fault = |error: zip::result::ZipError| Error::format(path, "archive", "a ZIP file", error);
    let file = file::open(path)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(fault)?;
    let mut size = 0_u64;
    for number in 0..archive.len() {
        size = size.saturating_add(archive.by_index_raw(number).map_err(fault)?.size());
    }
    space_for(size, folder)?;
    for number in 0..archive.len() {
        let mut member = archive.by_index(number).map_err(fault)?;
        let name = member.name().map_err(fault)?.into_owned();
        let target = inside(path, folder, Path::new(&name))?;
        if member.is_dir() {
            fs::create_dir_all(&target).map_err(Error::io(&target))?;
        } else if member.is_file() {
            let announced = member.size();
            write(&mut member, announced, path, &target)?;
        } else {
            return Err(Error::format(path, "member", "a file or a folder", name));
        }
    }
    Ok(())
}

/// Unpacks a gzipped tar archive; the space is looked at before each member.
pub(super) fn unpack_tar_gz(path: &Path, folder: &Path) -> Result<()> {
    let file = file::open(path)?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    for member in archive.entries().map_err(Error::io(path))? {
        let mut member = member.map_err(Error::io(path))?;
        let name = member.path().map_err(Error::io(path))?.into_owned();
        let target = inside(path, folder, &name)?;
        match member.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&target).map_err(Error::io(&target))?,
            EntryType::Regular | EntryType::Continuous => {
                let announced = member.size();
                space_for(announced, folder)?;
                write(&mut member, announced, path, &target)?;
            }
            // Words about other members, which are no members.
            EntryType::XGlobalHeader | EntryType::XHeader => {}
            other => {
                let found = format!("{other:?} `{}`", name.display());
                return Err(Error::format(path, "member", "a file or a folder", found));
            }
        }
    }
    Ok(())
}

/// Where a member belongs, if that is in the folder.
fn inside(archive: &Path, folder: &Path, name: &Path) -> Result<PathBuf> {
    let mut target = folder.to_path_buf();
    // On other systems than Windows a backslash is part of a name, which nobody wants.
    let mut is_fine = !name.as_os_str().is_empty() && !name.to_string_lossy().contains('\\');
    for component in name.components() {
        match component {
            Component::Normal(part) => target.push(part),
            Component::CurDir => {}
            _ => is_fine = false,
        }
    }
    if is_fine {
        return Ok(target);
    }
    let found = format!("`{}`", name.display());
    Err(Error::format(archive, "member", "a path inside of the folder", found))
}

/// Writes a member aside and gives it its name when it is whole.
fn write(member: &mut impl Read, announced: u64, archive: &Path, target: &Path) -> Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    let aside = super::with_suffix(target, ".partial");
    let mut file = File::create(&aside).map_err(Error::io(&aside))?;
    // Not a byte more than announced, whatever the archive holds.
    let written =
        std::io::copy(&mut member.take(announced), &mut file).map_err(Error::io(archive))?;
    if written < announced {
        let found = format!("{written} for `{}`", target.display());
        return Err(Error::format(archive, "member size", format!("{announced} bytes"), found));
    }
    fs::rename(&aside, target).map_err(Error::io(target))
}
