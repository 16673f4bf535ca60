package main

func Example() {
	main()
	// Output:
	// Alice's phone reads: bob: Tea at four?
	// Alice's laptop reads: bob: Tea at four?
	// Alice's phone reads: alice: Gladly.
	// Bob reads: alice: Gladly.
}
