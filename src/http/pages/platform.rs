//! `/platform`: every clinic, for staff of the platform. Nobody else learns that the page exists.

use axum::Extension;
use axum::response::Html;
use time::macros::format_description;

use super::sign_in::plain_shell;
use crate::app::pages::platform::{ClinicLine, PlatformView, platform_page};
use crate::app::{Shell, render};
use crate::db::platform;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::http::middleware::security_headers::Nonce;
use crate::http::staff::Staff;

/// The page.
pub async fn show(staff: Staff, Extension(nonce): Extension<Nonce>) -> Result<Html<String>, HttpError> {
    let rows = platform::list_clinics(&staff.state.services.pool, &staff.hash).await?;
    let said = Said::take(&staff.session).await?;
    let clinics = rows
        .into_iter()
        .map(|row| ClinicLine {
            id: row.id,
            name: row.name,
            slug: row.slug,
            is_suspended: row.suspended_at.is_some(),
            connected: row.connected,
            attention: row.attention,
            access_until: row
                .access_until
                .map(|until| until.format(format_description!("[hour]:[minute]")).unwrap_or_default()),
        })
        .collect();
    let view = PlatformView { staff: staff.row.email.clone(), clinics, error: None };
    let shell = Shell { flash: said.flash(), ..plain_shell(&staff.state, "Platform", &nonce) };
    Ok(Html(render(shell, || platform_page(view))))
}
