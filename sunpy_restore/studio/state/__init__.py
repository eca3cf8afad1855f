"""What the tabs have opened and made. No page in here."""
