from voxport.cli.main import main

main()
