//! Tables as CSV (RFC 4180), safe to open in a spreadsheet: no cell is taken for a formula.

/// What a spreadsheet takes for the beginning of a formula, in the width of East Asian text too, and what it drops
/// before one.
const BEGINS_A_FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A table as text: the heads, then the rows.
pub fn document(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = line(heads);
    for row in rows {
        out += &line(&row);
    }
    out
}

/// One row, with its end.
pub fn line<T: AsRef<str>>(cells: &[T]) -> String {
    cells.iter().map(|text| cell(text.as_ref())).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A cell. A quote before what could begin a formula makes it a text.
fn cell(text: &str) -> String {
    let quote = if text.starts_with(BEGINS_A_FORMULA) { "'" } else { "" };
    format!("\"{quote}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_taken_for_a_formula_or_breaks_its_row() {
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+15550100123", "\"'+15550100123\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("\n=1", "\"'\n=1\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("\u{ff0b}1", "\"'\u{ff0b}1\""),
            ("\u{ff0d}1", "\"'\u{ff0d}1\""),
            ("\u{ff20}A1", "\"'\u{ff20}A1\""),
            ("a=b", "\"a=b\""),
            ("2026-03-02T10:00:00Z", "\"2026-03-02T10:00:00Z\""),
        ] {
            assert_eq!(cell(text), expected);
        }
        let table = document(&["One", "Two"], vec![vec!["a,b".to_owned(), "c\nd".to_owned()]]);
        assert_eq!(table, "\"One\",\"Two\"\r\n\"a,b\",\"c\nd\"\r\n");
    }
}
