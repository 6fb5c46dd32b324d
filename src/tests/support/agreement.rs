//! What is held at the end of every test of a whole server. It starts none.

use super::app::TestApp;

/// What a test has sent to providers must be what their own documents describe: each test of a whole
/// server holds it at its end.
impl Drop for TestApp {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let found = self.sandbox.disagreements();
            assert!(found.is_empty(), "requests that no document describes: {found:#?}");
        }
    }
}
