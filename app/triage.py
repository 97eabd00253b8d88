"""What people do to findings: dialogs, recording, the way back."""

import streamlit as st


def outcome() -> None:
    """What was just recorded."""
    if notice := st.session_state.pop("notice", None):
        st.toast(notice)
