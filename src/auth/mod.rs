//! Who is asking: passwords, sessions, API keys, throttles.
