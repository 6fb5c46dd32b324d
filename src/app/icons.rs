//! Our own small set of line icons, drawn on a 20 by 20 grid and coloured by the text around them.
//!
//! An icon never stands alone for a meaning: there is always a word beside it.

use leptos::prelude::*;

/// The icons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IconName {
    Brand,
    Check,
    CheckCircle,
    Alert,
    Octagon,
    Question,
    Dash,
    Dotted,
    Clock,
    Pause,
    Lock,
    ChevronDown,
    ArrowRight,
    External,
    Copy,
    Close,
    Refresh,
    Undo,
    Trash,
    Send,
    Flask,
    SignOut,
    Inbox,
    Shield,
    Phone,
}

const CIRCLE: &str = "M10 2.75a7.25 7.25 0 1 0 0 14.5 7.25 7.25 0 0 0 0-14.5z";

impl IconName {
    const fn paths(self) -> &'static [&'static str] {
        match self {
            IconName::Brand => &["M4 6.2 10 16.4l6-10.2", "M7.9 6a3.6 3.6 0 0 1 4.2 0"],
            IconName::Check => &["M4.5 10.5 8.2 14l7.3-8"],
            IconName::CheckCircle => &[CIRCLE, "m6.8 10.2 2.2 2.3 4.3-4.8"],
            IconName::Alert => &["M10 3.2 17.6 16.4H2.4z", "M10 8.2v3.6", "M10 14v.1"],
            IconName::Octagon => {
                &["M7 2.75h6L17.25 7v6L13 17.25H7L2.75 13V7z", "m7.6 7.6 4.8 4.8", "m12.4 7.6-4.8 4.8"]
            }
            IconName::Question => {
                &[CIRCLE, "M7.9 7.9a2.1 2.1 0 1 1 3.2 1.8c-.7.4-1.1.8-1.1 1.6", "M10 13.8v.1"]
            }
            IconName::Dash => &[CIRCLE, "M7 10h6"],
            IconName::Dotted => &[CIRCLE],
            IconName::Clock => &[CIRCLE, "M10 6.2V10l2.6 1.7"],
            IconName::Pause => &[CIRCLE, "M8.2 7.4v5.2", "M11.8 7.4v5.2"],
            IconName::Lock => &["M5.6 9h8.8v7.25H5.6z", "M7.25 9V6.6a2.75 2.75 0 0 1 5.5 0V9", "M10 12v1.4"],
            IconName::ChevronDown => &["m5.5 8 4.5 4.5L14.5 8"],
            IconName::ArrowRight => &["M4 10h11.5", "m11 5.5 4.5 4.5-4.5 4.5"],
            IconName::External => &["M8 4.5H4.5v11h11V12", "M11 4.5h4.5V9", "m15.3 4.7-6.5 6.5"],
            IconName::Copy => &["M7.5 7.5h8.75v8.75H7.5z", "M12.5 7.25v-3.5h-8.75v8.75h3.5"],
            IconName::Close => &["m5 5 10 10", "M15 5 5 15"],
            IconName::Refresh => &["M16 10a6 6 0 1 1-1.8-4.3L16 7.4", "M16 3.8v3.6h-3.6"],
            IconName::Undo => &["M4 8.5h8a4 4 0 0 1 0 8H8.5", "m7.5 5-3.5 3.5L7.5 12"],
            IconName::Trash => &["M4 5.75h12", "M8 5.5V3.75h4V5.5", "m5.5 6 .8 10.25h7.4L14.5 6"],
            IconName::Send => &["M17 3 8.8 11.2", "m17 3-5.2 14-3-5.8L3 8.2z"],
            IconName::Flask => {
                &["M8 3v5L3.8 15.2c-.5.9 0 1.8 1 1.8h10.4c1 0 1.5-.9 1-1.8L12 8V3", "M6.8 3h6.4", "M6 12.5h8"]
            }
            IconName::SignOut => &["M12 6.5V4H4v12h8v-2.5", "M8 10h9", "m14 7 3 3-3 3"],
            IconName::Inbox => &["M3.5 11 5.6 4h8.8l2.1 7v5h-13z", "M3.5 11h4l1 2.2h3l1-2.2h4"],
            IconName::Shield => {
                &["M10 2.75 16 5v4.6c0 3.6-2.4 6.3-6 7.65C6.4 15.9 4 13.2 4 9.6V5z", "m7.4 9.8 1.9 2 3.4-3.8"]
            }
            IconName::Phone => &[
                "M4.5 3.5h3l1.3 3.8-1.9 1.4a10 10 0 0 0 4.4 4.4l1.4-1.9 3.8 1.3v3c0 .6-.4 1-1 1A12 12 0 0 1 3.5 4.5c0-.6.4-1 1-1z",
            ],
        }
    }
}

/// One icon. Hidden from screen readers: the word beside it says what it means.
#[component]
pub fn Icon(name: IconName) -> impl IntoView {
    let class = if matches!(name, IconName::Dotted) { "icon icon-dotted" } else { "icon" };
    view! {
        <svg class=class viewBox="0 0 20 20" aria-hidden="true" focusable="false">
            {name.paths().iter().map(|path| view! { <path d=*path></path> }).collect_view()}
        </svg>
    }
}
