package wire

import (
	"strconv"
	"strings"
)

// Labels of sotto's own formats, version 1. A label has exactly one slash (RFC 9596: typ is a media type or its like).
// Each stands in the protected header as typ and heads the external AAD, so that nothing opens as something else.
const (
	LabelKeyWrap     = "sotto/v1.key-wrap"     // a symmetric key sealed under another key
	LabelKeyID       = "sotto/v1.key-id"       // the public name of a secret key
	LabelKEK         = "sotto/v1.kek"          // a channel key among wrapped keys
	LabelDEK         = "sotto/v1.dek"          // a content key among wrapped keys
	LabelSealed      = "sotto/v1.sealed"       // content sealed under a content key
	LabelKEKRequest  = "sotto/v1.kek-request"  // a member asks for a channel key
	LabelKEKGrant    = "sotto/v1.kek-grant"    // a manager's signature over the answer
	LabelKEKHandover = "sotto/v1.kek-handover" // the channel key in that answer, sealed to the member
	LabelCombined    = "sotto/v1.combined"     // the static-static secret of two named parties

	LabelRecovery     = "sotto/v1.recovery"      // what follows from a recovery key
	LabelRecoveryBox  = "sotto/v1.recovery-box"  // a recovery key under a lockbox of its own
	LabelLockbox      = "sotto/v1.lockbox"       // a lockbox, and one slot of it
	LabelLockboxSlot  = "sotto/v1.lockbox-slot"  // the key of a slot
	LabelLockboxMAC   = "sotto/v1.lockbox-mac"   // the root's mark on all slots
	LabelLockboxCheck = "sotto/v1.lockbox-check" // the hash that finds damage
	LabelStore        = "sotto/v1.store"         // a stored value
	LabelStoreName    = "sotto/v1.store-name"    // the hidden name of a stored value

	LabelDevice       = "sotto/v1.device"       // a device record
	LabelDeviceKey    = "sotto/v1.device-key"   // a device's messaging key of one generation
	LabelDeviceLog    = "sotto/v1.device-log"   // an entry of a user's device log
	LabelDeviceState  = "sotto/v1.device-state" // a device's private keys, for its own store
	LabelAnchor       = "sotto/v1.anchor"       // what is published of a log
	LabelRegistration = "sotto/v1.registration" // the answer to a server's nonce
	LabelRoster       = "sotto/v1.roster"       // the devices of one conversation and epoch

	LabelConversation   = "sotto/v1.conversation"    // what two users, or one alone, have between them
	LabelSession        = "sotto/v1.session"         // the statement that makes a session
	LabelSessionID      = "sotto/v1.session-id"      // the name of a session, which commits to its statement
	LabelEnvelope       = "sotto/v1.envelope"        // a statement sealed to devices
	LabelCEK            = "sotto/v1.cek"             // the content key and IV of an envelope
	LabelRecipient      = "sotto/v1.recipient"       // the content key sealed to one device
	LabelMessage        = "sotto/v1.message"         // a sealed message
	LabelMessageKey     = "sotto/v1.message-key"     // the keys of one message
	LabelContent        = "sotto/v1.content"         // what a device signed, inside a message
	LabelSessionRequest = "sotto/v1.session-request" // a device asks for the key of a session

	LabelGroupID    = "sotto/v1.group-id"    // the name of a group
	LabelGroupState = "sotto/v1.group-state" // an entry of a group's history
	LabelMembers    = "sotto/v1.members"     // the digest of a group's members

	LabelSafetyNumber      = "sotto/v1.safety-number"       // a user's identity and devices, as people compare them
	LabelSafetyNumberGroup = "sotto/v1.safety-number-group" // the short form of those of a group
	LabelSAS               = "sotto/v1.sas"                 // a short authentication string
	LabelSASCommit         = "sotto/v1.sas-commit"          // the responder's key before it is shown
	LabelSASTranscript     = "sotto/v1.sas-transcript"      // what both sides of it hold and sent
	LabelSASConfirm        = "sotto/v1.sas-confirm"         // a person said that the strings are the same

	LabelLink           = "sotto/v1.link"            // a message between a device that joins an account and one that has it
	LabelLinkTranscript = "sotto/v1.link-transcript" // what both of them saw of how they found each other
	LabelLinkConfirm    = "sotto/v1.link-confirm"    // the key with which each proves that it saw the same
	LabelLinkKey        = "sotto/v1.link-key"        // the key of one direction
	LabelLinkIV         = "sotto/v1.link-iv"         // the IV of one direction
	LabelLinkCheck      = "sotto/v1.link-check"      // the six digits
)

// NewerLabel reports whether label belongs to a version of sotto's formats after this one.
func NewerLabel(label string) bool {
	rest, ours := strings.CutPrefix(label, "sotto/v")
	number, _, _ := strings.Cut(rest, ".")
	version, err := strconv.ParseUint(number, 10, 32)
	return ours && err == nil && version > 1
}
