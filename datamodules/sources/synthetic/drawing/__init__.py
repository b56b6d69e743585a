"""Drawing a person into a picture: body, clothing, scene and brush of SyntheticImages."""
