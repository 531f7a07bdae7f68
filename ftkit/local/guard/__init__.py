"""What stands between the network and the routes: keys, origins, rates, patience, connections, logs."""
