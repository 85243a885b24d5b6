//! The letters, as the strokes of a pen.
//!
//! A glyph is a list of strokes with spaces between them; a stroke is a list of points; a point is two
//! hexadecimal digits: x to the right, y downwards. Capitals stand between y 0 and [`CAP_HEIGHT`], small letters
//! begin at 3, tails reach to 12 (`c`). The corners of a stroke that begins with `(` are round. A stroke of
//! one point is a dot.

/// Height of a capital letter in units.
pub(super) const CAP_HEIGHT: f32 = 9.0;

/// Radius of round corners in units, where the edges leave room for it.
pub(super) const CORNER_RADIUS: f32 = 3.0;

/// What stands for a character that is not drawn: a box.
const UNKNOWN: &str = "0040490900";

/// Space to `~`.
const GLYPHS: [&str; 95] = [
    "",
    "0006 09",
    "0002 2022",
    "2019 5049 0363 0666",
    "(4240000444490907 202b",
    "(010020220201 5009 (383757593938",
    "(691210404306094966",
    "0002",
    "(2003082b",
    "(0023280b",
    "2127 0246 4206",
    "2428 0646",
    "190b",
    "0636",
    "09",
    "400a",
    "(040040490904",
    "022029 0949",
    "(0200404409 0949",
    "(0200404414 (1444490907",
    "300747 3039",
    "400004 (0444490907",
    "(41400009494404",
    "004019",
    "(020040440402 (060444490906",
    "(44040040490908",
    "04 09",
    "14 190b",
    "430649",
    "0545 0848",
    "034609",
    "(020040442426 29",
    "(555333375755 (53577771010a6a",
    "093069 1656",
    "0900 (00404404 (04545909",
    "(525000095957",
    "0900 (00505909",
    "50000959 0444",
    "500009 0444",
    "(525000095955 5535",
    "0009 5059 0454",
    "0020 1019 0929",
    "(40490907",
    "0009 5005 2359",
    "000959",
    "0900356069",
    "09005950",
    "(040050590904",
    "0900 (00505505",
    "(040050590904 376a",
    "0900 (00505505 2559",
    "(5250000454590907",
    "0060 3039",
    "(00095950",
    "003960",
    "0029436980",
    "0059 5009",
    "003460 3439",
    "00500959",
    "20000b2b",
    "004a",
    "00202b0b",
    "022042",
    "0b5b",
    "0012",
    "(034349 (46060949",
    "0009 (03434909",
    "(444303094948",
    "4049 (43030949",
    "0646 (464303094948",
    "(301019 0333",
    "(43030949 (434c0c",
    "0009 (034349",
    "0309 00",
    "(131c0c 10",
    "0009 4307 1649",
    "(000919",
    "0309 (033339 (336369",
    "0309 (034349",
    "(060343490906",
    "030c (03434909",
    "434c (43030949",
    "0309 (050333",
    "(4443030646490908",
    "(111939 0333",
    "(030949 4349",
    "032943",
    "0319345963",
    "0349 4309",
    "0329 431c",
    "03430949",
    "(30101505 (05151b3b",
    "000b",
    "(00202535 (35252b0b",
    "(06144755",
];

/// The strokes of a character.
pub(super) fn strokes(character: char) -> &'static str {
    let index = (character as usize).checked_sub(' ' as usize);
    index.and_then(|index| GLYPHS.get(index)).copied().unwrap_or(UNKNOWN)
}

/// What is drawn in place of typographic signs and accented letters, which have no glyphs of their own.
pub(super) fn plain(character: char) -> char {
    match character {
        '‐'..='—' | '−' => '-',
        '‘' | '’' | '′' => '\'',
        '“' | '”' | '„' | '″' => '"',
        '×' => 'x',
        '·' | '•' => '*',
        '\u{a0}' | '\n' | '\t' => ' ',
        'À'..='Å' => 'A',
        'È'..='Ë' => 'E',
        'Ò'..='Ö' => 'O',
        'Ù'..='Ü' => 'U',
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' => 'o',
        'ù'..='ü' => 'u',
        character => character,
    }
}
