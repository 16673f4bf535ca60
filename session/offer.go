package session

import (
	"fmt"
	"time"

	"github.com/sottokit/sotto/cose"
	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/envelope"
	"github.com/sottokit/sotto/internal/secret"
	"github.com/sottokit/sotto/internal/wire"
)

// Offer is an envelope that this device opened. Whoever knows a messaging key can seal to it, so nothing in an Offer is
// true yet: it says which logs Verify needs, and Verify says whether it holds. It may wait until those are at hand. The zero
// value and nil are destroyed ones.
type Offer struct {
	_ [0]func()
	redacted
	id        ID              // by the envelope's header
	self      device.CertID   // the record that the messaging key hangs on which opened it
	signed    envelope.Signed // without its secret
	statement *secret.Bytes   // as it was signed
}

// OpenEnvelope opens an envelope with the messaging keys that are kept. One for none of them is fault.NotForThisDevice,
// what does not open fault.Damaged.
func OpenEnvelope(me *device.Keys, b []byte) (*Offer, error) {
	e, err := envelope.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	cek, self, err := me.Unwrap(e)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	defer clear(cek)
	statement, err := e.Open(cek)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	signed, err := envelope.ParseSigned(statement)
	if err == nil && signed.Suite != e.Suite {
		err = fmt.Errorf("statement of suite %d, sealed by suite %d: %w", signed.Suite, e.Suite, fault.Malformed)
	}
	if err != nil {
		clear(statement)
		return nil, fmt.Errorf("session: %w", err)
	}
	signed.Secret = nil
	return &Offer{
		redacted:  secret.Redact("session.Offer", e.ID[:]),
		id:        e.ID,
		self:      self,
		signed:    *signed,
		statement: secret.Own(statement),
	}, nil
}

// ID returns the session that the envelope claims to bring.
func (o *Offer) ID() ID { return o.view().id }

// Conversation returns the conversation, epoch and group entry that the statement claims.
func (o *Offer) Conversation() (id device.Hash, epoch uint64, state *device.Hash) {
	s := &o.view().signed
	return s.Conversation, s.Epoch, clonePointer((*device.Hash)(s.State))
}

// Suite returns how the envelope was sealed. Whether the devices can do better is for Verify to say.
func (o *Offer) Suite() device.Suite { return device.Suite(o.view().signed.Suite) }

// Heads returns the logs that Verify needs, and how far, ascending by user. They are claims.
func (o *Offer) Heads() []device.Head { return headsOf(&o.view().signed) }

// view is the offer for those who only look: one that is none is the zero value.
func (o *Offer) view() *Offer {
	if o == nil {
		return &Offer{}
	}
	return o
}

// Destroy wipes the secret. It is idempotent; a Session that Verify returned lives on.
func (o *Offer) Destroy() {
	if o != nil {
		o.statement.Destroy()
	}
}

// Verify holds the offer against the conversation that the caller expects and the logs that the caller has verified. c is,
// for a conversation of one or two, Direct of the users that Heads names with the roots that the caller has pinned. me is
// the present record of this device; the one under which the envelope was sealed to it counts, too, if it was replaced since.
//
// fault.TooFarAhead says that a log is missing or ends before its head: hold the offer and fetch that log.
// fault.UntrustedSigner is a sender whom no log knows, a signature that is not his, a sender outside of the roster, or a
// head with another entry than the log has, which is a claim and no fork. fault.Damaged is another conversation, epoch or
// group entry than c, fault.IdentityChanged another root of a member. fault.Expired is a statement older than Remember. A
// device that is not in the roster is told fault.NotForThisDevice. fault.Malformed is a lie: an ID that the secret does not
// commit to, users who are no members, another roster or suite than that of the logs.
//
// Heads behind the logs are accepted, and so is a sender who was revoked since: such a session is there to open messages
// of others, and Best never chooses it to send on. The time of the sender is not judged, apart from its great age.
func (o *Offer) Verify(me device.CertID, c *Conversation, now time.Time, logs Logs) (*Session, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	statement, err := o.view().statement.Export()
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	s, err := o.verify(statement, me, c, now, logs)
	if err != nil {
		clear(statement)
		return nil, err
	}
	return s, nil
}

func (o *Offer) verify(statement []byte, me device.CertID, c *Conversation, now time.Time, logs Logs) (*Session, error) {
	signed, roster, err := verify(statement, o.id, c, now, logs)
	if err != nil {
		return nil, err
	}
	_, present := roster.Find(me)
	if _, before := roster.Find(o.self); !present && !before {
		return nil, fmt.Errorf("session: this device is not in the roster: %w", fault.NotForThisDevice)
	}
	return newSession(statement, signed, roster)
}

// verify holds a signed statement, which came as that of session id, against everything but the device that reads it.
func verify(statement []byte, id ID, c *Conversation, now time.Time, logs Logs) (*envelope.Signed, *device.Roster, error) {
	signed, err := envelope.ParseSigned(statement) // once more, for the secret
	if err != nil {
		return nil, nil, fmt.Errorf("session: %w", err)
	}
	from, err := signer(signed, logs)
	if err != nil {
		return nil, nil, err
	}
	if _, err := from.Verifier().Verify1(statement, cose.Bind(wire.LabelSession, id[:])); err != nil {
		return nil, nil, fmt.Errorf("session: statement: %w", err)
	}
	if ID(signed.ID) != id {
		return nil, nil, fmt.Errorf("session: ID does not commit to the statement: %w", fault.Malformed)
	}
	if t := unix(now); signed.Created < t && t-signed.Created > seconds(Remember) {
		return nil, nil, fmt.Errorf("session: made too long ago: %w", fault.Expired)
	}
	if err := c.admits(signed); err != nil {
		return nil, nil, err
	}
	roster, err := device.RosterAt(c.ID, c.Epoch, headsOf(signed), logs)
	if err != nil {
		return nil, nil, fmt.Errorf("session: %w", err)
	}
	if err := fits(signed, roster); err != nil {
		return nil, nil, err
	}
	return signed, roster, nil
}

// signer finds the record that the statement claims to be signed under, in the logs of the users that it names. As long as
// one of those is not as long as it says, the record may come.
func signer(s *envelope.Signed, logs Logs) (*device.Record, error) {
	err := fmt.Errorf("session: sender is in no log of a member: %w", fault.UntrustedSigner)
	for _, h := range headsOf(s) {
		l := logs[h.User]
		if l == nil || l.Pin().Seq < h.Pin.Seq {
			err = fmt.Errorf("session: sender is in no log so far: %w", fault.TooFarAhead)
		}
		if l == nil {
			continue
		}
		if r, ok := l.Known(s.Sender); ok {
			return r, nil
		}
	}
	return nil, err
}
