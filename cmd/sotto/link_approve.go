package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/link"
)

// approveFlags are what link approve is told.
type approveFlags struct {
	linkFlags
	history string
	code    bool
}

func linkApproveCommand(c clock) *cobra.Command {
	var f approveFlags
	cmd := &cobra.Command{
		Use:   "approve DIR --history WHAT --channel DIR|--relay URL",
		Short: "Let a new device into the account of the device in DIR",
		Long: `Shows a QR code, and beside it its content as text, for link new on the other terminal; with --code it is a short
code that is typed. The new device then shows six digits, which are typed here. From then on it goes by itself: this
device signs that the new one belongs to the user, in log.cbor, and the new one registers; this program plays the server.

It is all done within five minutes or not at all. A device that was signed for, and whose link ended before it was done, is
revoked: at once, also by Ctrl-C, and after a power cut by the next link approve or device add. What is left in the folder
of --channel opens nothing.

--history is what the new device is given of what was before: "nothing", "sessions" (the keys of current sessions), or
"vault=REFERENCE" (these, and a vault at the reference). The choice is told to it; this program keeps neither, so there is
nothing to move.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.approve(cmd, args[0], c) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.history, "history", "", "nothing, sessions, or vault=REFERENCE")
	cmd.Flags().BoolVar(&f.code, "code", false, "show a short code to type, in place of a QR code to scan")
	return cmd
}

// choice is what --history says. There is no default: it is for the person to decide.
func (f *approveFlags) choice() (link.Choice, error) {
	reference, vault := strings.CutPrefix(f.history, "vault=")
	switch {
	case f.history == "nothing":
		return link.Choice{History: link.Nothing}, nil
	case f.history == "sessions":
		return link.Choice{History: link.Sessions}, nil
	case vault && reference != "" && len(reference) <= link.MaxVault:
		return link.Choice{History: link.SessionsAndVault, Vault: []byte(reference)}, nil
	}
	return link.Choice{}, fmt.Errorf("--history takes nothing, sessions, or vault=REFERENCE of 1 to %d bytes: %w",
		link.MaxVault, errUsage)
}

func (f *approveFlags) approve(cmd *cobra.Command, dir string, c clock) error {
	ctx := cmd.Context()
	choice, err := f.choice()
	if err != nil {
		return err
	}
	through, err := f.open()
	if err != nil {
		return err
	}
	d, err := openDevice(cmd, dir, f.secrets)
	if err != nil {
		return err
	}
	defer d.destroy()
	p := newPerson(cmd.InOrStdin(), cmd.ErrOrStderr())
	if err := d.tidy(ctx, p, c.now()); err != nil {
		return err
	}
	a := &approval{attempt: attempt{clock: c, carrier: through, person: p, read: map[string]int{}},
		folder: d, out: cmd.OutOrStdout()}
	defer func() { a.old.Cancel() }()
	if err := a.offer(ctx, choice, f.code); err != nil {
		return err
	}
	if err := a.run(ctx); err != nil {
		return a.ended(ctx, err)
	}
	return nil
}

// tidy ends what an earlier run was interrupted in.
func (d *deviceFolder) tidy(ctx context.Context, p *person, now time.Time) error {
	revoked, err := d.abandon(ctx, now)
	if err == nil && revoked != nil {
		p.tell("The device %v was signed for in a link that was interrupted: it is revoked.", revoked)
	}
	return err
}

// approval is the side of a link that has the account.
type approval struct {
	attempt
	old    *link.Old
	folder *deviceFolder
	out    io.Writer
}

// offer begins the link and shows what the new device needs to know.
func (a *approval) offer(ctx context.Context, choice link.Choice, byCode bool) error {
	me, _, err := a.folder.own(ctx)
	if err != nil {
		return err
	}
	now := a.now()
	if byCode {
		plate, err := a.nameplate(ctx)
		if err != nil {
			return err
		}
		if a.old, err = link.OfferCode(plate, me, choice, now); err != nil {
			return err
		}
		if err := a.post(ctx, nameplateBox(plate), a.old.First()); err != nil {
			return err
		}
	} else if a.old, err = link.Offer(me, choice, now); err != nil {
		return err
	}
	a.machine, a.until = a.old, now.Add(link.Life)
	return showOffer(a.out, a.old, isTerminal(a.out))
}

// showOffer prints the short code, or the QR code's content and, where a terminal shows it, the code.
func showOffer(w io.Writer, o *link.Old, picture bool) error {
	if code := o.Code(); code != "" {
		fmt.Fprintf(w, "code       %s\n", code)
		return nil
	}
	if picture {
		drawn, err := o.Terminal()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", drawn)
	}
	fmt.Fprintf(w, "content    %s\n", base64.RawURLEncoding.EncodeToString(o.QR()))
	return nil
}

// run is the link from the first message of the new device on.
func (a *approval) run(ctx context.Context) error {
	toNew, toOld := linkBox(a.old.Rendezvous(), oldToNew), linkBox(a.old.Rendezvous(), newToOld)
	confirm, err := a.receive(ctx, toOld)
	if errors.Is(err, fault.UntrustedSigner) {
		return errMistyped
	}
	if err != nil {
		return err
	}
	if err := a.post(ctx, toNew, confirm); err != nil {
		return err
	}
	account, err := a.ask(ctx)
	if err != nil {
		return err
	}
	if err := a.post(ctx, toNew, account); err != nil {
		return err
	}
	if _, err := a.receive(ctx, toOld); err != nil { // the record of the new device
		return err
	}
	r, _ := a.old.Candidate()
	printRecord(a.out, r)
	l, err := a.admit(ctx, r, toNew)
	if err != nil {
		return err
	}
	done, err := a.receive(ctx, toOld)
	if err != nil {
		return err
	}
	if err := a.folder.finish(ctx, r); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "log        active, %d in all\n", len(l.Active()))
	fmt.Fprintf(a.out, "pin        %s\n", l.Pin().String())
	printChoice(a.out, a.old.Choice())
	if err := a.post(ctx, toNew, done); err != nil { // it is linked all the same
		a.person.tell("The new device was not told that it is done: %s", printable(err.Error()))
	}
	return nil
}

// The wording matters (docs/spec/link.md): it is what stands between a person and who talks the person into this.
const question = `A device that was given this code wants to join the account %s.
It would read and write as %[1]s from now on, and be given of what was before: %s.
It shows six digits. Type them only if you hold that device in your hands:
whoever asks you for this code wants your messages.`

var (
	errMistyped    = errors.New("the code was mistyped, or somebody else answered: nothing was signed, and the link is over")
	errRefused     = errors.New("no digits were typed: nothing was signed, and the link is over")
	errWrongDigits = errors.New("these are not the digits of the new device: nothing was signed, and the link is over")
)

// ask has the person type the digits.
func (a *approval) ask(ctx context.Context) (send []byte, err error) {
	a.person.tell(question, printable(a.folder.user), choiceText(a.old.Choice()))
	for {
		digits, err := a.person.ask(ctx, "six digits (nothing to refuse)")
		if err != nil {
			return nil, err
		}
		if digits == "" {
			return nil, errRefused
		}
		_, l, err := a.folder.own(ctx)
		if err != nil {
			return nil, err
		}
		send, err := a.old.Confirm(digits, l, a.now())
		switch fault.Of(err) {
		case fault.WrongSecret:
			return nil, errWrongDigits
		case fault.Misuse: // which uses no try up
			a.person.tell("Six digits, as the new device shows them.")
			continue
		}
		return send, err
	}
}

// admit signs for the new device, tells it, and has it register.
func (a *approval) admit(ctx context.Context, r *device.Record, toNew string) (*device.Log, error) {
	c, err := device.NewChallenge(linkServer, a.folder.user, a.now())
	if err != nil {
		return nil, err
	}
	l, entry, err := a.folder.admit(ctx, r, a.now())
	if err != nil {
		return nil, err
	}
	admitted, err := a.old.Admitted(l, entry, c.Nonce, nil, a.now())
	if err != nil {
		return nil, err
	}
	if err := a.post(ctx, toNew, admitted); err != nil {
		return nil, err
	}
	answer, err := a.next(ctx, linkBox(a.old.Rendezvous(), registration))
	if err != nil {
		return nil, err
	}
	if _, err := c.Check(answer, l, a.now()); err != nil {
		return nil, err
	}
	return l, a.post(ctx, linkBox(a.old.Rendezvous(), registered), []byte(registered))
}

// linkServer is what the server is called whose part link approve plays.
const linkServer = "sotto link"

// ended says how a link ended that did not get to its end. A device that was signed for is revoked, also when it was
// Ctrl-C that ended the link. Then there is no code: "nothing was changed" is not true any more.
func (a *approval) ended(ctx context.Context, err error) error {
	a.old.Cancel()
	revoked, abandonErr := a.folder.abandon(context.WithoutCancel(ctx), a.now())
	switch {
	case abandonErr != nil:
		return fmt.Errorf("%w, and a device that was signed for is not revoked yet (%w): run link approve again", err, abandonErr)
	case revoked != nil:
		return fmt.Errorf("the device %v was signed for, and is revoked, because the link ended: %v", revoked, err)
	}
	return err
}
