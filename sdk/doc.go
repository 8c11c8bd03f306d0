// Package sdk makes a service out of its domains.
//
// A domain is a Go type whose methods become RPC methods. A service is its
// name and its domains; Main runs it: it opens the service's socket, the UI's
// socket and one socket for every domain in every context, answers for its
// manifest, its health and its OpenRPC documents, creates and deletes
// contexts, tells its supervisor when it is ready, and on SIGTERM ends what is
// in flight before it goes.
//
//	func main() {
//		sdk.Main(sdk.Service{Name: "hero_food", Version: "0.1.0", Description: "Restaurants and deliveries"},
//			delivery.Domain(), restaurant.Domain(), identity.Domain(),
//			sdk.UI{Handler: ui.Handler})
//	}
//
// Domains reach each other only through sockets: see [Dial].
package sdk
