package main

func Example() {
	main()
	// Output:
	// Bob has the channel key: true
	// Mallory's grant: untrusted_signer
	// Alice goes on in epoch 2 with the content key: true
	// Bob is out: true
}
