package device_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sottokit/sotto/device"
)

// The limits are part of the formats: who has others refuses what everybody else takes.
func TestLimitsAreThoseOfTheSpecification(t *testing.T) {
	for name, c := range map[string][2]int{
		"user ID":         {device.MaxUser, 128},
		"server ID":       {device.MaxServer, 256},
		"record":          {device.MaxRecord, 1 << 10},
		"device-key":      {device.MaxDeviceKey, 2 << 10},
		"log entry":       {device.MaxEntry, 2 << 10},
		"registration":    {device.MaxRegistration, 4 << 10},
		"log entries":     {device.MaxEntries, 65536},
		"active devices":  {device.MaxActive, 32},
		"users, roster":   {device.MaxHeads, 4096},
		"devices, roster": {device.MaxRoster, 10000},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", name, c[0], c[1])
		}
	}
	if device.ChallengeLife != 5*time.Minute || device.RotateAfter != 7*day ||
		device.KeepFor != 7*day || device.StaleAfter != 30*day {
		t.Error("another time")
	}
}

func TestIDsPrintInHexadecimal(t *testing.T) {
	for want, id := range map[string]fmt.Stringer{
		"01020000000000000000000000000000":                                 device.ID{1, 2},
		"02030000000000000000000000000000":                                 device.KeyID{2, 3},
		"0304000000000000000000000000000000000000000000000000000000000000": device.CertID{3, 4},
		"0405000000000000000000000000000000000000000000000000000000000000": device.Hash{4, 5},
	} {
		if id.String() != want {
			t.Errorf("%T is printed as %s", id, id)
		}
	}
}
