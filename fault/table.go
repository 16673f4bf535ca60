package fault

// row is what there is to know about one code.
type row struct {
	name      string
	text      string
	retryable bool
	action    string
}

func (c Code) row() row {
	if c < 0 || int(c) >= len(table) {
		return table[0]
	}
	return table[c]
}

// table is indexed by Code; index 0 stands for every number that is no code. It is written nowhere.
var table = [...]row{
	0: {"unknown", "no known error", false, "Report this: sotto returned a code that it does not define."},
	WrongSecret: {"wrong_secret", "wrong password or key", false,
		"Ask for the password again, or try another key. Nothing was changed."},
	Damaged: {"damaged", "altered, or belongs elsewhere", false,
		"Fetch the data again or restore it from a backup. If it fails again, it was altered or belongs elsewhere."},
	UnsupportedVersion: {"unsupported_version", "made by a newer version", false,
		"Update the app, then try again."},
	NotForThisDevice: {"not_for_this_device", "not for this device", false,
		"Ignore it, or ask the sender to include this device."},
	UnknownSession: {"unknown_session", "session key not known here", false,
		"Ask the sender for the session key, then open the message again."},
	Replayed: {"replayed", "seen before", false,
		"Drop it: its content was already delivered."},
	TooFarAhead: {"too_far_ahead", "too far ahead", false,
		"Fetch what is missing in between, then open it again."},
	Expired: {"expired", "expired", false,
		"Start the operation anew."},
	UntrustedSigner: {"untrusted_signer", "not signed by the expected key", false,
		"Refuse it. Compare the signer's key with the one you trust."},
	IdentityChanged: {"identity_changed", "identity changed", false,
		"Stop sending, show the change, and compare safety numbers before acknowledging it."},
	RevokedDevice: {"revoked_device", "device was revoked", false,
		"Refuse it: the device no longer speaks for its user."},
	LogFork: {"log_fork", "two contradicting histories", false,
		"Stop sending to this user and show both; one of them is an attack or a copied device."},
	Rollback: {"rollback", "older than what was already seen", false,
		"Fetch the newest state from another place; this one hides something."},
	OverLimit: {"over_limit", "over a limit", false,
		"Use smaller input or split it; input from others over a limit is refused for good."},
	DestroyedKey: {"destroyed_key", "destroyed key", false,
		"Unlock or load the key again."},
	StoreFailed: {"store_failed", "store failed", true,
		"Try again; nothing was lost. If it lasts, check the disk."},
	StoreConflict: {"store_conflict", "another process committed first", true,
		"Try again; nothing was changed."},
	Canceled: {"canceled", "cancelled", true,
		"Nothing was changed. Make the call again when it is wanted."},
	Malformed: {"malformed", "not of the expected form", false,
		"Refuse the input. If it is your own data, fetch it again."},
	Misuse: {"misuse", "precondition broken by the caller", false,
		"Mend the calling code; the text says which precondition."},
	SenderReset: {"sender_reset", "sender was restored from an old copy", false,
		"Tell the sender's user that the device runs on a restored or copied state."},
}
