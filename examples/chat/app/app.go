// Package app is what a chat app does around an account: it carries parcels to the relay, fetches what waits there, and
// brings what an event needs. It keeps nothing itself. Whatever fails in between, and wherever the program ends, the next
// Sync goes on from there, and nothing is lost.
package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sottokit/sotto"
	"github.com/sottokit/sotto/examples/chat/relay"
	"github.com/sottokit/sotto/fault"
)

// App is an account that is connected to a relay. It is safe for concurrent use.
type App struct {
	*sotto.Account
	relay   *relay.Client
	syncing sync.Mutex // so that nothing is shown twice
}

// New connects an account to the relay at a URL, which calls itself name. It does no I/O.
func New(account *sotto.Account, url, name string, h *http.Client) *App {
	return &App{Account: account, relay: relay.NewClient(url, name, account, h)}
}

// Trust pins the log of a user, as the relay has it.
func (a *App) Trust(ctx context.Context, user string) (*sotto.Contact, error) {
	log, err := a.relay.Log(ctx, user, 0)
	if err != nil {
		return nil, err
	}
	if len(log) == 0 {
		return nil, fmt.Errorf("app: the relay knows no such user: %w", fault.UntrustedSigner)
	}
	return a.Account.Trust(ctx, user, log)
}

// Send seals a text for a contact, for a group, for oneself as a note, and sends it. When it returns an error behind the seal
// the text is in the outbox, and the next Sync sends it.
func (a *App) Send(ctx context.Context, name, text string) error {
	conversation, err := a.Conversation(ctx, name)
	if err != nil {
		return err
	}
	if _, err := conversation.Seal(ctx, sotto.NewMessageID(), "text/plain", []byte(text)); err != nil {
		return err
	}
	return a.flush(ctx)
}

// Wait returns when something waits at the relay, or after some time, in whole seconds.
func (a *App) Wait(ctx context.Context, patience time.Duration) error {
	_, err := a.relay.Mail(ctx, 0, patience)
	return err
}

// Show keeps events: it shows them to a person. What it returned nil for is not shown again.
type Show func(events []sotto.Event) error

// Sync sends what is pending, receives what the relay has, and does what time asks for.
func (a *App) Sync(ctx context.Context, show Show) error {
	a.syncing.Lock()
	defer a.syncing.Unlock()
	unread, err := a.Unread(ctx) // of a program that ended before it showed them
	if err != nil {
		return err
	}
	if err := a.keep(ctx, unread, show); err != nil {
		return err
	}
	if err := a.flush(ctx); err != nil {
		return err
	}
	if err := a.receivePublic(ctx, show); err != nil {
		return err
	}
	report, err := a.Report(ctx)
	if err != nil {
		return err
	}
	if !report.Active { // nobody admitted this device yet, or it was revoked
		return nil
	}
	if err := a.flush(ctx); err != nil { // a device that is new in its log has a device-key now
		return err
	}
	if err := a.receiveNeeded(ctx, show); err != nil {
		return err
	}
	if err := a.receiveMail(ctx, show); err != nil {
		return err
	}
	if err := a.Upkeep(ctx, true); err != nil {
		return err
	}
	return a.flush(ctx) // answers to requests, renewed keys
}

// keep shows events and says so.
func (a *App) keep(ctx context.Context, events []sotto.Event, show Show) error {
	if len(events) == 0 {
		return nil
	}
	if err := show(events); err != nil {
		return err
	}
	return a.Ack(ctx, events...)
}

// flush offers every pending parcel to the relay. What it refuses stays in the outbox: of an entry the log or chain, which
// comes next, tells what became of it.
func (a *App) flush(ctx context.Context) error {
	parcels, err := a.Pending(ctx)
	if err != nil {
		return err
	}
	for _, p := range parcels {
		have := p.To
		switch p.Kind {
		case sotto.ParcelLog:
			err = a.relay.Append(ctx, p.Data)
		case sotto.ParcelKey:
			err = a.relay.PutKey(ctx, p.Data)
		case sotto.ParcelGroup:
			err = a.relay.AppendGroup(ctx, p.Data)
		default:
			have, err = a.relay.Post(ctx, p.To, p.Data)
		}
		var refusal *relay.Refusal
		switch {
		case errors.As(err, &refusal):
		case err != nil:
			return err
		case len(p.To) > 0 && len(have) == 0: // their queues are full
		default:
			if err := a.DeliveredTo(ctx, p, have); err != nil {
				return err
			}
		}
	}
	return nil
}

// receivePublic receives what everybody may fetch: the logs and device-keys of all contacts and of the own user.
func (a *App) receivePublic(ctx context.Context, show Show) error {
	contacts, err := a.Contacts(ctx)
	if err != nil {
		return err
	}
	var in [][]byte
	if len(contacts) == 0 { // a device that joins does not have the log of its own user yet
		if in, err = a.relay.Log(ctx, a.User(), 0); err != nil {
			return err
		}
	}
	for _, c := range contacts {
		held, err := c.Log(ctx)
		if err != nil {
			return err
		}
		log, err := a.relay.Log(ctx, c.User(), uint64(len(held)))
		if err != nil {
			return err
		}
		keys, err := a.keysOf(ctx, c.User())
		if err != nil {
			return err
		}
		in = append(append(in, log...), keys...)
	}
	events, err := a.Receive(ctx, in...)
	if err != nil {
		return err
	}
	return a.keep(ctx, events, show)
}

// receiveNeeded receives the chains of groups, and what everything that is held waits for.
func (a *App) receiveNeeded(ctx context.Context, show Show) error {
	chains, err := a.chains(ctx)
	if err != nil {
		return err
	}
	needed, err := a.needed(ctx)
	if err != nil {
		return err
	}
	events, err := a.Receive(ctx, slices.Concat(chains, needed)...)
	if err != nil {
		return err
	}
	return a.keep(ctx, events, show)
}

// needed fetches what everything that is held needs. Requests are sent when mail comes: then it is known from whom.
func (a *App) needed(ctx context.Context) (in [][]byte, err error) {
	needs, err := a.Needs(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range needs {
		fetched, err := a.fetch(ctx, n)
		if err != nil {
			return nil, err
		}
		in = append(in, fetched...)
	}
	return in, nil
}

// keysOf returns the device-keys of a user, none of one whom the relay does not know.
func (a *App) keysOf(ctx context.Context, user string) ([][]byte, error) {
	keys, err := a.relay.Keys(ctx, user)
	if errors.Is(err, fault.UntrustedSigner) {
		return nil, nil
	}
	return keys, err
}
