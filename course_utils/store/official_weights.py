"""Where torchvision's trained weights are downloaded from."""

# torchvision's IMAGENET1K_V1; its file names end in the first eight digits of their SHA-256
OFFICIAL = {
    name: f"https://download.pytorch.org/models/{name}-{digits}.pth"
    for name, digits in {
        "resnet18": "f37072fd",
        "resnet34": "b627a593",
        "resnet50": "0676ba61",
        "resnet101": "63fe2227",
        "resnet152": "394f9c45",
        "googlenet": "1378be20",
    }.items()
}
