//! What a call needs: assistants, tools, messages.
