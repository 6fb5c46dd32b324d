//! Parts that pages are made of. Server only, pure functions of their properties.

pub mod accounts;
pub mod badge;
pub mod button;
pub mod capability_list;
pub mod card;
pub mod chart;
pub mod check_box;
pub mod copy_box;
pub mod dialog;
pub mod empty;
pub mod field;
pub mod filters;
pub mod flash;
pub mod page_header;
pub mod report;
pub mod select;
pub mod table;
pub mod textarea;
pub mod time;
pub mod waterfall;
