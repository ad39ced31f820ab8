//! Counter-based random streams: Philox 4×32-10 (Salmon et al., SC 2011, "Parallel random numbers:
//! as easy as 1, 2, 3").
//!
//! A [`Key`] names a place of use: `Key::new(seed).named("shuffle").at(epoch)`.
//! Values are functions of (key, index), so they need no state, come in any order, and are the same
//! on any number of threads and after a resume.

pub mod bernoulli;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// One block of Philox 4×32-10: four words that depend on all bits of `counter` and `key`.
#[inline(always)]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let a = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
    }
    counter
}

/// Blocks that [`Key::lanes`] makes at once: one vector register of counters.
pub const LANES: usize = 16;

/// [`philox`] of [`LANES`] consecutive 64-bit counters with the same key and upper counter words, in
/// a form that the compiler vectorizes; word `w` of block `l` is `[w][l]`.
#[inline(always)]
fn philox_lanes(first: u64, upper: [u32; 2], mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    let mut c = [[0; LANES], [0; LANES], [upper[0]; LANES], [upper[1]; LANES]];
    for lane in 0..LANES {
        let counter = first.wrapping_add(lane as u64);
        c[0][lane] = counter as u32;
        c[1][lane] = (counter >> 32) as u32;
    }
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let mut next = [[0; LANES]; 4];
        for lane in 0..LANES {
            let a = u64::from(MULTIPLIERS[0]) * u64::from(c[0][lane]);
            let b = u64::from(MULTIPLIERS[1]) * u64::from(c[2][lane]);
            next[0][lane] = (b >> 32) as u32 ^ c[1][lane] ^ key[0];
            next[1][lane] = b as u32;
            next[2][lane] = (a >> 32) as u32 ^ c[3][lane] ^ key[1];
            next[3][lane] = a as u32;
        }
        c = next;
    }
    c
}

/// What a block is drawn for; keeps values and derived keys apart.
#[derive(Clone, Copy)]
enum Domain {
    Value = 0,
    Name = 1,
    Index = 2,
}

/// The name of a random stream: a seed and a path of purposes and indices.
///
/// ```
/// use candlewick_kernels::random::Key;
///
/// let key = Key::new(1).named("shuffle").at(3); // the order of the samples in epoch 3
/// assert_eq!(key.word(5), key.word(5)); // a function of key and index, without state
/// assert_ne!(key.word(5), Key::new(2).named("shuffle").at(3).word(5));
/// let mut stream = key.stream();
/// assert!((0.0..1.0).contains(&stream.uniform()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The root of all streams of a run.
    pub fn new(seed: u64) -> Self {
        Self(seed).derive(Domain::Index, 0)
    }

    /// The stream for a purpose, such as `"shuffle"` or the path of a layer.
    pub fn named(self, purpose: &str) -> Self {
        // FNV-1a: short, fixed for all time, and only an input to Philox.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.derive(Domain::Name, hash)
    }

    /// The stream for one epoch, step, sample or layer number.
    pub fn at(self, index: u64) -> Self {
        self.derive(Domain::Index, index)
    }

    /// The two words of the key, as kernels for devices take them.
    pub fn halves(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }

    fn derive(self, domain: Domain, value: u64) -> Self {
        let [a, b, ..] = self.block(domain, value);
        Self(u64::from(a) | u64::from(b) << 32)
    }

    #[inline(always)]
    fn block(self, domain: Domain, index: u64) -> [u32; 4] {
        philox(
            [index as u32, (index >> 32) as u32, domain as u32, 0],
            [self.0 as u32, (self.0 >> 32) as u32],
        )
    }

    /// Four 32-bit words: the values number `4 * block` to `4 * block + 3` of this stream.
    #[inline(always)]
    pub fn words(self, block: u64) -> [u32; 4] {
        self.block(Domain::Value, block)
    }

    /// Blocks `first` to `first + LANES` of [`words`](Self::words) at once; word `w` of block
    /// `first + l` is `[w][l]`.
    #[inline(always)]
    pub fn lanes(self, first: u64) -> [[u32; LANES]; 4] {
        philox_lanes(first, [Domain::Value as u32, 0], [self.0 as u32, (self.0 >> 32) as u32])
    }

    /// Value number `index` of this stream.
    #[inline]
    pub fn word(self, index: u64) -> u32 {
        self.words(index / 4)[(index % 4) as usize]
    }

    /// A sequential reader of this stream, from its first value.
    pub fn stream(self) -> Stream {
        Stream { key: self, next: 0, words: [0; 4] }
    }
}

/// Reads the values of a [`Key`] one after the other.
#[derive(Clone, Debug)]
pub struct Stream {
    key: Key,
    next: u64,
    words: [u32; 4],
}

impl Stream {
    /// A uniform 32-bit word.
    pub fn word(&mut self) -> u32 {
        let lane = (self.next % 4) as usize;
        if lane == 0 {
            self.words = self.key.words(self.next / 4);
        }
        self.next += 1;
        self.words[lane]
    }

    /// A uniform number in [0, 1) with 24 random bits.
    pub fn uniform(&mut self) -> f32 {
        unit(self.word())
    }

    /// A uniform number in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// A uniform integer in `0..bound`, without bias (Lemire 2019).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "a range needs at least one value");
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }

    /// `true` with probability `p`.
    pub fn bernoulli(&mut self, p: f32) -> bool {
        self.uniform() < p
    }

    /// A standard normal number (Box-Muller, cosine branch).
    pub fn normal(&mut self) -> f32 {
        // 1 - u is in (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * f64::from(1.0 - self.uniform()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * f64::from(self.uniform())).cos()) as f32
    }

    /// Puts `items` into a uniformly random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

/// Maps a word to [0, 1) with a step of 2⁻²⁴.
#[inline(always)]
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution for Philox 4×32-10.
    #[test]
    fn philox_matches_its_published_vectors() {
        let ones = u32::MAX;
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([ones; 4], [ones; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn lanes_are_the_blocks_one_by_one() {
        let key = Key::new(9).named("lanes");
        for first in [0, 5, u64::from(u32::MAX) - 3] {
            let lanes = key.lanes(first);
            for lane in 0..LANES {
                let words = key.words(first + lane as u64);
                assert_eq!(words, [0, 1, 2, 3].map(|word| lanes[word][lane]));
            }
        }
    }

    #[test]
    fn names_and_indices_give_distinct_streams() {
        let root = Key::new(1);
        let keys = [root, root.named("a"), root.named("b"), root.at(0), root.at(1), Key::new(2)];
        let mut pairs = 0;
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[..i] {
                assert_ne!(a.words(0), b.words(0));
                pairs += 1;
            }
        }
        assert_eq!(pairs, 15);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut stream = Key::new(7).named("moments").stream();
        let n = 100_000;
        let uniform: f64 = (0..n).map(|_| f64::from(stream.uniform())).sum::<f64>() / f64::from(n);
        let squares: f64 = (0..n).map(|_| f64::from(stream.normal()).powi(2)).sum::<f64>();
        // Five standard errors: 5 · 0.2887 / √n and 5 · √2 / √n.
        assert!((uniform - 0.5).abs() < 0.0046, "{uniform}");
        assert!((squares / f64::from(n) - 1.0).abs() < 0.0224, "{squares}");
    }

    #[test]
    fn a_stream_reads_the_words_of_its_key_and_shuffles_to_a_permutation() {
        let key = Key::new(3);
        let mut stream = key.stream();
        for index in 0..9 {
            assert_eq!(stream.word(), key.word(index));
        }
        let mut order: Vec<u32> = (0..100).collect();
        key.stream().shuffle(&mut order);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
