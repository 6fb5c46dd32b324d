//! A small picture in a row of a table: what was taken and what failed, a column for each day.

use leptos::prelude::*;

use super::scale::count;

const HEIGHT: f64 = 24.0;
const COLUMN: usize = 5;

/// What one day brought: taken, failed.
pub type Day = (u64, u64);

/// The picture; days are oldest first.
#[component]
pub fn Spark(days: Vec<Day>) -> impl IntoView {
    let (taken, failed) = days.iter().fold((0, 0), |sum, day| (sum.0 + day.0, sum.1 + day.1));
    let label = format!("Last {} days: {} taken, {} failed", days.len(), count(taken), count(failed));
    let most = days.iter().map(|(taken, failed)| taken + failed).max().unwrap_or(0).max(1) as f64;
    let width = days.len() * COLUMN;
    let height = |value: u64| if value == 0 { 0.0 } else { (value as f64 / most * (HEIGHT - 3.0)).max(1.5) };
    let columns = days
        .into_iter()
        .enumerate()
        .map(|(at, (taken, failed))| {
            let (x, good, bad) = ((at * COLUMN).to_string(), height(taken), height(failed));
            let total = (good + bad).min(HEIGHT);
            let bar = |class, from: f64, height: f64| {
                let (x, y) = (x.clone(), format!("{:.1}", HEIGHT - from - height));
                (height > 0.0)
                    .then(|| view! { <rect class=class x=x y=y width="4" height=format!("{height:.1}")></rect> })
            };
            view! {
                {(total == 0.0).then(|| view! { <rect class="spark-none" x=x.clone() y="23" width="4" height="1"></rect> })}
                {bar("spark-taken", 0.0, good)}
                {bar("spark-failed", good, total - good)}
            }
        })
        .collect_view();
    view! {
        <svg
            class="spark"
            viewBox=format!("0 0 {width} {HEIGHT}")
            preserveAspectRatio="none"
            role="img"
            aria-label=label
        >
            {columns}
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_leaves_the_picture_and_the_words_tell_the_sums() {
        let html = Owner::new()
            .with(|| view! { <Spark days=vec![(1_000_000, 1), (0, 0), (3, 900_000)] /> }.to_html());
        assert!(html.contains("1\u{202f}000\u{202f}003 taken, 900\u{202f}001 failed"), "{html}");
        assert!(!html.contains("\"-"), "{html}");
        assert_eq!(html.matches("spark-none").count(), 1);
    }
}
