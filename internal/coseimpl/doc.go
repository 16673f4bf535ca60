// Package coseimpl holds the structures of COSE (RFC 9052, RFC 9053) without a say in which algorithms may be used: that
// is a Table, which the caller passes. The public package cose is a front with a fixed table; the conformance runner
// passes a wider one for published vectors.
//
// Every construction exists in one deterministic form that takes content keys, IVs and ephemeral keys as values. Drawing
// them at random is the caller's part. Secrets come and go as plain bytes here; the callers own and wipe them.
package coseimpl

// Header parameters (RFC 9052 §3.1, RFC 9053 §5.1 and §6.3.1, RFC 9596).
const (
	HeaderAlg          = 1
	HeaderCrit         = 2
	HeaderContentType  = 3
	HeaderKID          = 4
	HeaderIV           = 5
	HeaderPartialIV    = 6
	HeaderTyp          = 16
	HeaderEphemeralKey = -1
	HeaderStaticKey    = -2
	HeaderStaticKeyID  = -3
	HeaderSalt         = -20
	HeaderPartyU       = -21    // identity; nonce and other follow at -22, -23
	HeaderPartyV       = -24    // identity; nonce and other follow at -25, -26
	HeaderSlotKind     = -70001 // of a slot (internal/slot): where its secret comes from
	HeaderSlotSalt     = -70002 // of a slot: the salt of its secret and of its key
	HeaderSlotParams   = -70003 // of a slot: an array, by kind
	HeaderCommitment   = -70004
)

// CBOR tags of the message forms (RFC 9052 §2).
const (
	TagEncrypt0 = 16
	TagSign1    = 18
	TagEncrypt  = 96
)

// MaxContent bounds the plaintext or payload of one message, in bytes.
const MaxContent = 64 << 20

// MaxRecipients bounds the recipients of one COSE_Encrypt.
const MaxRecipients = 16384

const (
	maxHeader = 4096 // bytes of a protected header, and of any value in a header
	maxTag    = 32   // bytes of overhead of any content algorithm
)
