package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/store"
)

// linkName holds the device that was signed for in a link that is not done. If it is not done by the next time that the
// folder signs something, whatever interrupted it, the device is revoked: nobody watched it join.
var linkName = store.Name{Room: "device/link"}

// own returns the record of the device, which is active, and its log.
func (d *deviceFolder) own(ctx context.Context) (me *device.Record, l *device.Log, err error) {
	err = d.db.View(ctx, func(tx *store.Tx) error {
		s, err := d.load(tx)
		if err != nil {
			return err
		}
		defer s.keys.Destroy()
		me, l = s.keys.Record(), s.log
		_, err = l.Find(me.Cert())
		return err
	})
	return me, l, err
}

// admit signs that r is another device, as add does, and notes that its link is not done. It returns the entry, which is then
// the last one of the log file.
func (d *deviceFolder) admit(ctx context.Context, r *device.Record, now time.Time) (l *device.Log, entry []byte, err error) {
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		s, err := d.load(tx)
		if err != nil {
			return err
		}
		defer s.keys.Destroy()
		if entry, err = s.log.Add(s.keys, r, now); err != nil {
			return err
		}
		id := r.ID()
		tx.Put(linkName, id[:])
		return s.keep(tx)
	})
	if err == nil {
		l, err = d.publish(ctx)
	}
	return l, entry, err
}

var errAbandoned = errors.New("the device was revoked meanwhile, by another run of this program")

// finish notes that the link of a device is done.
func (d *deviceFolder) finish(ctx context.Context, r *device.Record) error {
	return d.db.Update(ctx, func(tx *store.Tx) error {
		id, found, err := tx.Get(linkName)
		if err != nil {
			return err
		}
		if own := r.ID(); !found || !bytes.Equal(id, own[:]) {
			return errAbandoned
		}
		tx.Delete(linkName)
		return nil
	})
}

// abandon revokes the device whose link is not done, and returns its ID; nil when there is none.
func (d *deviceFolder) abandon(ctx context.Context, now time.Time) (revoked *device.ID, err error) {
	if _, err := d.publish(ctx); err != nil { // of what was signed, but did not get into the file
		return nil, err
	}
	err = d.db.Update(ctx, func(tx *store.Tx) error {
		revoked = nil
		id, found, err := tx.Get(linkName)
		if err != nil || !found {
			return err
		}
		if len(id) != len(device.ID{}) {
			return fmt.Errorf("%s: the device that was linked: %d bytes: %w", storeFile, len(id), fault.Damaged)
		}
		s, err := d.load(tx)
		if err != nil {
			return err
		}
		defer s.keys.Destroy()
		tx.Delete(linkName)
		of := device.ID(id)
		for _, r := range s.log.Active() {
			if r.ID() == of {
				if _, err := s.log.Revoke(s.keys, of, now); err != nil {
					return err
				}
				revoked = &of
			}
		}
		return s.keep(tx)
	})
	if err != nil || revoked == nil {
		return nil, err
	}
	_, err = d.publish(ctx)
	return revoked, err
}
