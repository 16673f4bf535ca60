package conformance

import (
	"bytes"
	"errors"
	"time"

	"github.com/sottokit/sotto/internal/cpace"
	"github.com/sottokit/sotto/internal/linking"
	"github.com/sottokit/sotto/link"
)

// sottoLinkCode is a code as a person types it.
type sottoLinkCode struct {
	Inputs struct {
		Typed string `json:"typed"`
	} `json:"inputs"`
	Outputs struct {
		Nameplate string `json:"nameplate"`
		Secret    string `json:"secret"`
		Code      string `json:"code"` // as it is shown
	} `json:"outputs"`
}

func (c *sottoLinkCode) read() error {
	n, err := link.Enter(c.Inputs.Typed, time.Unix(0, 0))
	if err != nil {
		return err
	}
	defer n.Cancel()
	nameplate, secret, err := linking.ParseCodeText(c.Inputs.Typed)
	return errors.Join(err,
		same("nameplate", n.Nameplate(), c.Outputs.Nameplate),
		same("nameplate of the text", nameplate, c.Outputs.Nameplate),
		same("secret", secret, c.Outputs.Secret))
}

func (c *sottoLinkCode) write() error {
	return same("code", linking.CodeText(c.Outputs.Nameplate, c.Outputs.Secret), c.Outputs.Code)
}

// sottoLinkDigits is what two devices prove and show, from the key that CPace gave them.
type sottoLinkDigits struct {
	Inputs struct {
		Rendezvous octets `json:"rendezvous"`
		ISK        octets `json:"isk"`
		Transcript octets `json:"th"`
		Opening    octets `json:"ro,omitempty"`
	} `json:"inputs"`
	Outputs struct {
		Check  octets `json:"check"`
		Digits string `json:"digits"`
		OldTag octets `json:"tag_old"`
		NewTag octets `json:"tag_new"`
	} `json:"outputs"`
}

func (c *sottoLinkDigits) read() error {
	in, out := &c.Inputs, &c.Outputs
	if len(in.Rendezvous) != 16 || in.Opening != nil && len(in.Opening) != 32 {
		return errors.New("rendezvous or opening of another length")
	}
	channel, err := linking.ByCode([16]byte(in.Rendezvous), bytes.Clone(in.ISK), hashFrom(in.Transcript))
	if err != nil {
		return err
	}
	defer channel.Destroy()
	var opening *[32]byte
	if in.Opening != nil {
		opening = (*[32]byte)(in.Opening)
	}
	digits, err1 := channel.Digits(opening)
	oldTag, err2 := channel.Tag(linking.Old)
	newTag, err3 := channel.Tag(linking.New)
	typed, ok := linking.TypedDigits(digits)
	return errors.Join(err1, err2, err3,
		same("digits", digits, out.Digits),
		same("whether they are read as they are shown", ok && typed == digits, true),
		equal("tag of the old device", oldTag[:], out.OldTag),
		equal("tag of the new device", newTag[:], out.NewTag))
}

func (c *sottoLinkDigits) write() error {
	f, err := linkByISK(c.Inputs.Rendezvous, c.Inputs.ISK, c.Inputs.Transcript)
	if err != nil {
		return err
	}
	check, err := f.check(c.Inputs.Opening)
	return errors.Join(err, equal("check", check, c.Outputs.Check))
}

// sottoCPace is a run of CPace.
type sottoCPace struct {
	Inputs struct {
		PRS     octets `json:"prs"`
		CI      octets `json:"ci"`
		SID     octets `json:"sid"`
		AAD     octets `json:"ad_a"`
		BAD     octets `json:"ad_b"`
		AScalar octets `json:"scalar_a"`
		BScalar octets `json:"scalar_b"`
		ToA     octets `json:"to_a"` // the share that A receives
		ToB     octets `json:"to_b"`
	} `json:"inputs"`
	Outputs struct {
		AShare octets `json:"share_a"`
		BShare octets `json:"share_b"`
		ISK    octets `json:"isk"`
	} `json:"outputs"`
}

func (c *sottoCPace) read() error {
	in, out := &c.Inputs, &c.Outputs
	a, err1 := cpaceParty(in.AScalar, string(in.PRS), in.CI, in.SID)
	b, err2 := cpaceParty(in.BScalar, string(in.PRS), in.CI, in.SID)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	defer a.Destroy()
	defer b.Destroy()
	iskA, err1 := a.Initiator(in.AAD, in.ToA, in.BAD)
	iskB, err2 := b.Responder(in.BAD, in.ToB, in.AAD)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return errors.Join(
		equal("share of A", a.Share(), out.AShare),
		equal("share of B", b.Share(), out.BShare),
		equal("ISK of A", iskA, out.ISK),
		equal("ISK of B", iskB, out.ISK))
}

// write has two parties with randomness of their own agree.
func (c *sottoCPace) write() error {
	in := &c.Inputs
	a := cpace.Begin(cpace.NewScalar(), in.PRS, in.CI, in.SID)
	b := cpace.Begin(cpace.NewScalar(), in.PRS, in.CI, in.SID)
	defer a.Destroy()
	defer b.Destroy()
	iskA, err1 := a.Initiator(in.AAD, b.Share(), in.BAD)
	iskB, err2 := b.Responder(in.BAD, a.Share(), in.AAD)
	return errors.Join(err1, err2,
		equal("ISK of B", iskB, iskA),
		same("whether it is another one than in the file", bytes.Equal(iskA, c.Outputs.ISK), false))
}
