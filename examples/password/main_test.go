package main

func Example() {
	main()
	// Output:
	// new password opens the same channel key: true
	// old password: wrong_secret
}
