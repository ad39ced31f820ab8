//! Blocks of neurons, the unit of vector work: how lanes are loaded, and worked on in parts.

/// Neurons per block: the unit of vector work, and small enough that a block's history of
/// potentials stays in the first-level cache.
pub(super) const LANES: usize = 256;
pub(super) type Block = [f32; LANES];

#[inline(always)]
pub(super) fn load(from: &[f32], into: &mut Block) {
    into[..from.len()].copy_from_slice(from);
}

/// Lets `write` fill a block that becomes the row: in place if the row is whole.
#[inline(always)]
pub(super) fn with_block<R>(row: &mut [f32], write: impl FnOnce(&mut Block) -> R) -> R {
    if let Ok(whole) = <&mut Block>::try_from(&mut *row) {
        return write(whole);
    }
    let mut padded = [0.0; LANES];
    let result = write(&mut padded);
    row.copy_from_slice(&padded[..row.len()]);
    result
}

/// Lanes that the loops of a step work on at a time, as local arrays: only of those does the compiler
/// know that no two overlap, which it must know to vectorize.
pub(super) const PART: usize = 64;
pub(super) type Part = [f32; PART];

#[inline(always)]
pub(super) fn part(block: &Block, which: usize) -> Part {
    block.as_chunks::<PART>().0[which]
}

#[inline(always)]
pub(super) fn parts<const S: usize>(blocks: &[Block; S], which: usize) -> [Part; S] {
    std::array::from_fn(|k| part(&blocks[k], which))
}

#[inline(always)]
pub(super) fn put(part: Part, block: &mut Block, which: usize) {
    block.as_chunks_mut::<PART>().0[which] = part;
}

#[inline(always)]
pub(super) fn put_all<const S: usize>(parts: [Part; S], blocks: &mut [Block; S], which: usize) {
    for k in 0..S {
        put(parts[k], &mut blocks[k], which);
    }
}

#[inline(always)]
pub(super) fn gather<const S: usize>(parts: &[Part; S], lane: usize) -> [f32; S] {
    std::array::from_fn(|k| parts[k][lane])
}

#[inline(always)]
pub(super) fn scatter<const S: usize>(values: [f32; S], parts: &mut [Part; S], lane: usize) {
    for k in 0..S {
        parts[k][lane] = values[k];
    }
}
