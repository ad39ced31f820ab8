//! Fetching from a server on the loopback that misbehaves.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// What the server does with one request, after it saw its lines.
type Answer = Box<dyn Fn(&[String]) -> Vec<u8> + Send>;

/// A server that gives each answer once and closes; its thread returns the requests.
fn server(answers: Vec<Answer>) -> (String, JoinHandle<Vec<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let handle = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(&answer(&request)).unwrap();
            requests.push(request);
        }
        requests
    });
    (url, handle)
}

fn answer(status: &'static str, headers: String, body: &[u8]) -> Answer {
    let body = body.to_vec();
    Box::new(move |_| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n");
        [head.as_bytes(), &body].concat()
    })
}

fn whole(body: &[u8]) -> Answer {
    answer("200 OK", format!("Content-Length: {}\r\n", body.len()), body)
}

fn has_range(request: &[String], range: &str) -> bool {
    request.iter().any(|line| line.eq_ignore_ascii_case(&format!("range: {range}")))
}

const QUICK: Patience =
    Patience { retries: 2, pause: Duration::from_millis(1), silence: Duration::from_secs(10) };

fn download(body: &[u8], unpack: Unpack) -> Download {
    let md5 = hash::md5_of_reader(body).unwrap().leak();
    Download { file: "file", url: None, md5, unpack }
}

/// Fetches the one file of a set, as `fetch` does with each.
fn take(download: &Download, url: &str, folder: &Path) -> (Result<()>, usize) {
    let (path, mut retries) = (folder.join("file"), 0);
    let mut report = |step: Step<'_>| retries += usize::from(matches!(step, Step::Retry { .. }));
    let result = get(download, url, &path, QUICK, &mut report)
        .and_then(|()| unpack(download, &path, folder, &mut report));
    (result, retries)
}

const BODY: &[u8] = b"0123456789";

#[test]
fn a_broken_transfer_goes_on_where_it_broke_off() {
    let folder = tempfile::tempdir().unwrap();
    let broken = answer("200 OK", "Content-Length: 10\r\n".into(), &BODY[..4]);
    let rest = answer(
        "206 Partial Content",
        "Content-Length: 6\r\nContent-Range: bytes 4-9/10\r\n".into(),
        &BODY[4..],
    );
    let (url, handle) = server(vec![broken, rest]);
    let (result, retries) = take(&download(BODY, Unpack::Keep), &url, folder.path());
    result.unwrap();
    assert_eq!((fs::read(folder.path().join("file")).unwrap(), retries), (BODY.to_vec(), 1));
    let requests = handle.join().unwrap();
    assert!(!requests[0].iter().any(|line| line.to_lowercase().starts_with("range")));
    assert!(has_range(&requests[1], "bytes=4-"), "{:?}", requests[1]);
}

#[test]
fn a_later_call_goes_on_too_and_a_server_without_ranges_starts_anew() {
    let mut visited = 0;
    for ranges in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file.partial"), &BODY[..7]).unwrap();
        let headers = "Content-Length: 3\r\nContent-Range: bytes 7-9/10\r\n".to_owned();
        let good =
            if ranges { answer("206 Partial Content", headers, &BODY[7..]) } else { whole(BODY) };
        let (url, handle) = server(vec![good]);
        take(&download(BODY, Unpack::Keep), &url, folder.path()).0.unwrap();
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), BODY);
        assert!(has_range(&handle.join().unwrap()[0], "bytes=7-"));
        visited += 1;
    }
    assert_eq!(visited, 2);
}

#[test]
fn patience_ends_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let broken = || answer("503 Service Unavailable", "Content-Length: 0\r\n".into(), b"");
    let (url, handle) = server(vec![broken(), broken(), broken()]);
    let (result, retries) = take(&download(BODY, Unpack::Keep), &url, folder.path());
    let text = result.unwrap_err().to_string();
    let expected = format!("{url}: expected the whole file, found status 503, 3 times");
    assert_eq!((text, retries, handle.join().unwrap().len()), (expected, 2, 3));
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (url, handle) = server(vec![whole(b"9876543210")]);
    let (result, _) = take(&download(BODY, Unpack::Keep), &url, folder.path());
    let text = result.unwrap_err().to_string();
    assert!(text.contains("expected the MD5 781e5e245d69b566979b86e28d23f2c7"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    handle.join().unwrap();
}

#[test]
fn redirects_are_followed_and_refusals_are_not_files() {
    let folder = tempfile::tempdir().unwrap();
    let (url, second) = server(vec![whole(BODY)]);
    let (first_url, first) =
        server(vec![answer("302 Found", format!("Location: {url}\r\nContent-Length: 0\r\n"), b"")]);
    take(&download(BODY, Unpack::Keep), &first_url, folder.path()).0.unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), BODY);
    first.join().unwrap();
    second.join().unwrap();

    // figshare answers programs in this way.
    let mut visited = 0;
    for status in ["202 Accepted", "403 Forbidden", "404 Not Found"] {
        let folder = tempfile::tempdir().unwrap();
        let (url, handle) = server(vec![answer(status, "Content-Length: 0\r\n".into(), b"")]);
        let text =
            take(&download(BODY, Unpack::Keep), &url, folder.path()).0.unwrap_err().to_string();
        let number = &status[..3];
        let expected = format!("{url}: expected status 200 or 206, found status {number}");
        assert_eq!(text, expected);
        handle.join().unwrap();
        visited += 1;
    }
    assert_eq!(visited, 3);
}

/// A size that no disk has is refused before the first byte is written.
#[test]
fn a_full_disk_is_seen_before() {
    let folder = tempfile::tempdir().unwrap();
    let huge = answer("200 OK", format!("Content-Length: {}\r\n", 1_u64 << 60), b"0123");
    let (url, handle) = server(vec![huge]);
    let text = take(&download(BODY, Unpack::Keep), &url, folder.path()).0.unwrap_err().to_string();
    assert!(text.contains("1152921504606846976 bytes are needed"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    handle.join().unwrap();
}

fn tar_gz(name: &str, kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    // The writer refuses such names, so they are put in by hand.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(if kind == tar::EntryType::Regular { 4 } else { 0 });
    if kind == tar::EntryType::Symlink {
        header.set_link_name("/etc").unwrap();
    }
    header.set_cksum();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(header.as_bytes()).unwrap();
    if kind == tar::EntryType::Regular {
        packed.write_all(&[b'd'; 4]).unwrap();
        packed.write_all(&[0; 508]).unwrap();
    }
    packed.write_all(&[0; 1024]).unwrap();
    packed.finish().unwrap()
}

/// A ZIP archive of one stored member, by hand.
fn zip_of(name: &str) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(b"data");
    let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    fields.extend(crc.sum().to_le_bytes());
    fields.extend([4, 0, 0, 0, 4, 0, 0, 0, name.len() as u8, 0, 0, 0]);
    let mut bytes = [b"PK\x03\x04", &fields[..], name.as_bytes(), b"data"].concat();
    let start = bytes.len() as u32;
    bytes.extend([b"PK\x01\x02\x14\x00", &fields[..], &[0; 14], name.as_bytes()].concat());
    let size = bytes.len() as u32 - start;
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend(size.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn archives_are_unpacked_in_their_folder_only() {
    let mut visited = 0;
    let file = tar::EntryType::Regular;
    let cases = [
        (tar_gz("a/b.txt", file), Unpack::TarGz, true),
        (tar_gz("./a/b.txt", file), Unpack::TarGz, true),
        (tar_gz("../b.txt", file), Unpack::TarGz, false),
        (tar_gz("a/../../b.txt", file), Unpack::TarGz, false),
        (tar_gz("/b.txt", file), Unpack::TarGz, false),
        (tar_gz("link", tar::EntryType::Symlink), Unpack::TarGz, false),
        (zip_of("a/b.txt"), Unpack::Zip, true),
        (zip_of("../b.txt"), Unpack::Zip, false),
        (zip_of("/b.txt"), Unpack::Zip, false),
        (zip_of("a\\..\\..\\b.txt"), Unpack::Zip, false),
    ];
    for (body, unpack, good) in cases {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("set");
        fs::create_dir(&folder).unwrap();
        let (url, handle) = server(vec![whole(&body)]);
        let (result, _) = take(&download(&body, unpack), &url, &folder);
        if good {
            result.unwrap();
            assert!(fs::read(folder.join("a/b.txt")).unwrap().starts_with(b"d"));
            assert!(!folder.join("file").exists() && folder.join("file.unpacked").exists());
        } else {
            let text = result.unwrap_err().to_string();
            assert!(text.contains("member: expected a "), "{text}");
            assert!(!folder.join("link").exists() && !folder.join("file.unpacked").exists());
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "something left the folder");
        handle.join().unwrap();
        visited += 1;
    }
    assert_eq!(visited, 10);
}

#[test]
fn sets_behind_a_license_say_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let fetch = |name: &str| {
        let (entry, _) = crate::find(name).unwrap();
        fetch(entry, root.path(), QUICK, &mut |_| {})
    };
    let text = fetch("dvs128-gesture").unwrap_err().to_string();
    assert!(
        text.contains("https://ibm.ent.box.com/") && text.contains("DvsGesture.tar.gz"),
        "{text}"
    );
    // What a person put there is checked before it is unpacked.
    fs::write(root.path().join("dvs128-gesture/DvsGesture.tar.gz"), "an error page").unwrap();
    let text = fetch("dvs128-gesture").unwrap_err().to_string();
    assert!(text.contains("expected the MD5 8a5c71fb11e24e5ca5b11866ca6c00a1"), "{text}");
    let text = fetch("nmnist-small").unwrap_err().to_string();
    assert!(text.contains("put its files there: train1K.txt"), "{text}");
    fetch("digits").unwrap();
}
