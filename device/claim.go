package device

// What an object says of itself before it is verified: enough to find the log to hold it against, and good for nothing
// else.

// EntryClaim returns whose log an entry claims to be of, and at which place.
func EntryClaim(entry []byte) (user string, seq uint64, err error) {
	e, err := readEntry(entry)
	if err != nil {
		return "", 0, err
	}
	return e.User, e.Seq, nil
}

// KeyClaim returns the record that a device-key claims to hang on, and what would be remembered of it.
func KeyClaim(deviceKey []byte) (CertID, Seen, error) {
	m, _, err := readMessagingKey(deviceKey)
	if err != nil {
		return CertID{}, Seen{}, err
	}
	return m.fields.Cert, m.Seen(), nil
}
