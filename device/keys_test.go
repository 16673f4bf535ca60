package device_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sottokit/sotto/device"
	"github.com/sottokit/sotto/ecdh"
	"github.com/sottokit/sotto/fault"
)

func TestDestroyedKeysRefuse(t *testing.T) {
	h, k := busy(t, device.Hybrid)
	ready := restored(t, state(t, k))
	l, err := h.log.Extend([][]byte{k.Pending()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ready.Settle(l); err != nil {
		t.Fatal(err)
	}
	h.log = l
	record := ready.Record()
	unsettled := restored(t, state(t, k))
	for range 2 {
		ready.Destroy()
		unsettled.Destroy()
	}
	for name, sign := range authoring(t, h, ready, recoveryKey(t, 1)) {
		if name == "Recover" || name == "SetRecovery by the key" || name == "SetRecovery by a device" {
			continue // others sign, or the log refuses first
		}
		t.Run(name, func(t *testing.T) {
			entry, err := sign()
			wantFault(t, err, fault.DestroyedKey)
			if entry != nil {
				t.Error("signed")
			}
		})
	}
	for name, call := range map[string]func() error{
		"ExportSecretState": func() error { _, err := ready.ExportSecretState(); return err },
		"Rotate":            func() error { _, err := ready.Rotate(h.log, nil, start); return err },
		"Register":          func() error { _, err := ready.Register(h.log, server, [32]byte{}, start); return err },
		"Online":            func() error { _, err := ready.Online(start); return err },
		"Settle":            func() error { _, err := unsettled.Settle(h.log); return err },
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, call(), fault.DestroyedKey) })
	}
	if ready.Record() != record || len(ready.KeyIDs()) != 0 {
		t.Error("the record is gone, or a key is not")
	}
}

// The caller can only hand the pointer around; what holds it is printed, logged and encoded.
func TestNothingPrintsTheKeys(t *testing.T) {
	_, k := busy(t, device.Hybrid)
	type holder struct{ K *device.Keys }
	type hidden struct{ k *device.Keys }
	var secrets [][]byte
	p := readParts(t, state(t, k))
	secrets = append(secrets, p.seed, p.halves[0].x25519, p.halves[0].xwing, p.halves[1].x25519)
	var out []string
	for _, v := range []any{k, holder{k}, &holder{k}, hidden{k}, []*device.Keys{k}, map[string]*device.Keys{"k": k}, k.Record()} {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flag := range []string{"", "+", "#"} {
				out = append(out, fmt.Sprintf("%"+flag+string(verb), v))
			}
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("keys", "k", k, "h", holder{k})
	slog.New(slog.NewTextHandler(&log, nil)).Info("keys", "k", k, "h", holder{k})
	asJSON, err := json.Marshal(map[string]any{"k": k, "h": holder{k}})
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, log.String(), string(asJSON))
	for _, secret := range secrets {
		for _, form := range []string{
			string(secret[:8]), hex.EncodeToString(secret[:8]), strings.Trim(fmt.Sprint(secret[:6]), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret[:6]), "[]byte{"), "}"),
			base64.StdEncoding.EncodeToString(secret[:9]),
		} {
			for _, text := range out {
				if strings.Contains(text, form) || strings.Contains(strings.ToLower(text), form) {
					t.Fatalf("a secret in %.200s", text)
				}
			}
		}
	}
	if again := restored(t, state(t, k)); fmt.Sprint(k) != fmt.Sprint(again) || !strings.HasPrefix(fmt.Sprint(k), "device.Keys(") {
		t.Errorf("printed as %v, after a restart as %v", k, again)
	}
	if fmt.Sprint(&device.Keys{}) != "destroyed key" {
		t.Error("zero keys print as something")
	}
}

func TestGeneratedDevicesDiffer(t *testing.T) {
	a, b := generate(t, alice, device.Classical), generate(t, alice, device.Classical)
	if a.Record().ID() == b.Record().ID() || a.Record().Verifier().Equal(b.Record().Verifier()) {
		t.Error("two devices share an ID or a key")
	}
	h := found(t, a, nil)
	one, two := h.accept(a.Record().ID(), h.rotate(a, nil, start)), h.accept(a.Record().ID(), h.rotate(a, nil, start))
	if one.X25519().Equal(two.X25519()) || len(one.X25519().Bytes()) != ecdh.Size {
		t.Error("two messaging keys are one")
	}
}

func TestKeysAreSafeForConcurrentUse(t *testing.T) {
	h, k := registering(t, device.Classical)
	saved := state(t, k)
	fresh := generate(t, alice, device.Classical).Record()
	for range 8 {
		k := restored(t, saved)
		var wg sync.WaitGroup
		var signed atomic.Int32
		for range 3 {
			wg.Go(func() {
				if entry, err := h.log.Add(k, fresh, start); err == nil {
					signed.Add(1)
					if _, err := h.log.Extend([][]byte{entry}); err != nil {
						t.Error(err)
					}
				}
			})
			for _, use := range []func() error{
				func() error { _, err := k.Rotate(h.log, nil, start); return err },
				func() error { _, err := k.Online(start); return err },
				func() error { _, err := k.Register(h.log, server, [32]byte{}, start); return err },
				func() error { _, err := k.Settle(h.log); return err },
				func() error { _, err := k.ExportSecretState(); return err },
				func() error {
					k.Record()
					k.Pending()
					k.DeviceKey()
					k.KeyIDs()
					k.RotationDue(start)
					return nil
				},
			} {
				wg.Go(func() {
					if err := use(); err != nil {
						wantFault(t, err, fault.DestroyedKey)
					}
				})
			}
		}
		wg.Go(k.Destroy)
		wg.Wait()
		if signed.Load() > 1 {
			t.Error("two entries for one place")
		}
	}
}
